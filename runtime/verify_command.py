"""Check a bundle's hashes and contracts, and say what is in it."""

from __future__ import annotations

import argparse
from pathlib import Path

from runtime.actor import OnnxActor
from runtime.bundle import ActorEntry, read_bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm verify BUNDLE [--key signing.pub]`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="directory with manifest.json, or its .zip")
    parser.add_argument("--key", type=Path, metavar="FILE", help="public key (signing.pub) that it has to be signed with")


def run(arguments: argparse.Namespace) -> None:
    """Print a summary of a sound bundle. Raises InputError for any other."""
    bundle = read_bundle(arguments.bundle)
    if arguments.key is not None:
        bundle.check_signature(arguments.key)
    actors = bundle.verify()
    manifest, contract = bundle.manifest, actors[0].contract
    action = contract.action
    sound = "sound" if arguments.key is None else f"sound and signed by {arguments.key}"
    print(f"{bundle.path}: {sound}; {manifest.team_size} actors for task '{manifest.task}', robots: {', '.join(manifest.robot_kinds)}")
    print(f"  every {contract.period:g} s in an arena of +-{contract.arena_half_size:g} m; success when exported {manifest.success:.3f}")
    if manifest.latency_margin is not None:
        print(f"  keeps 90 % of that while commands act up to {manifest.latency_margin:.3g} s later than the robot's own latency")
    print(f"  action: {action.kind} within +-{action.limit:g} {action.unit}, in effect {action.effect_delay:g} s after the observation")
    print(f"  observation: {', '.join(f'{field.name} ({field.size})' for field in contract.observation)}")
    if contract.words:
        print(f"  message: {contract.words} {contract.message.kind} to its peers, heard in the next control period")
    for entry, actor in zip(manifest.actors, actors, strict=True):
        print(f"  {_line(entry, actor)}")
    for name, value in {"created by": manifest.created_by, **manifest.provenance}.items():
        print(f"  {name}: {value}")


def _line(entry: ActorEntry, actor: OnnxActor) -> str:
    contract = actor.contract
    return (
        f"agent {entry.agent}: {entry.file}, {entry.bytes} bytes, sha256 {entry.sha256[:12]}, D = {contract.observation_size},"
        f" S = {contract.state_size}, onnxruntime within {max(entry.difference_rollout, entry.difference_closed_loop):.1e} of torch"
    )
