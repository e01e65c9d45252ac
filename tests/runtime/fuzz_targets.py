"""Every decoder of what comes from outside, by name: how it is fed, what it has to hold, and how sound inputs are made unsound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.runtime import fuzz_bundles, fuzz_files, fuzz_messages
from tests.runtime.fuzz_mutations import Mutation, of_bytes, of_json, of_msgpack, of_parts, of_protobuf, of_yaml, of_zip


@dataclass(frozen=True)
class Target:
    """One decoder.

    Attributes:
        takes: says whether an input was accepted; raises when a property is broken, whatever it raises.
        seeds: sound inputs, and some that are refused for one reason alone.
        mutate: changes an input by its structure.
        weight: of its share of the inputs of a long run; a decoder that is slow, or has nothing of ours in it, gets a smaller one.
        longest: input [bytes].
    """

    takes: Callable[[bytes], bool]
    seeds: tuple[bytes, ...]
    mutate: Mutation
    weight: int
    longest: int = 4096

    def variant(self, chance: Random) -> bytes:
        """A seed, changed by its structure or as bytes."""
        seed = chance.choice(self.seeds)
        return (self.mutate if chance.random() < 0.7 else of_bytes)(seed, chance)[: self.longest]


_CONVERSATIONS = (bytes(range(40)), b"\7\1\2\0\3\50\4\7" * 4, b"\0\1\1\0\2\0\1\0\2\1")

TARGETS = {
    "peer_message": Target(fuzz_messages.peer_message, fuzz_messages.MESSAGES, of_msgpack, 20, 4200),
    "peer_stream": Target(fuzz_messages.peer_stream, _CONVERSATIONS, of_bytes, 10, 80),
    "from_plant": Target(fuzz_messages.from_plant, fuzz_messages.PLANT, of_msgpack, 10, 1024),
    "from_driver": Target(fuzz_messages.from_driver, fuzz_messages.DRIVER, of_msgpack, 10, 1024),
    "stop_request": Target(fuzz_messages.stop_request, fuzz_messages.STOPS, of_msgpack, 5, 600),
    "stop_answer": Target(fuzz_messages.stop_answer, fuzz_messages.ANSWERS, of_msgpack, 5, 600),
    "team": Target(fuzz_files.team_file, fuzz_files.TEAMS, of_yaml, 5),
    "missions": Target(fuzz_files.mission_file, fuzz_files.MISSIONS, of_yaml, 5),
    "link": Target(fuzz_files.link_file, fuzz_files.LINKS, of_yaml, 5),
    "profile": Target(fuzz_files.profile_file, fuzz_files.PROFILES, of_yaml, 5),
    "log": Target(fuzz_files.log, fuzz_files.LOGS, of_bytes, 5, 2**14),
    "robot_spec": Target(fuzz_files.spec_file, fuzz_files.SPECS, of_yaml, 5),
    "keys": Target(fuzz_files.key_files, fuzz_files.KEYS, of_parts(of_yaml, of_yaml), 5),
    "signature": Target(fuzz_files.signature, fuzz_files.SIGNATURES, of_parts(of_json, of_bytes), 5),
    "contract": Target(fuzz_bundles.contract, fuzz_bundles.CONTRACTS, of_json, 10),
    "manifest": Target(fuzz_bundles.manifest, fuzz_bundles.MANIFESTS, of_json, 5),
    "onnx_wire": Target(fuzz_bundles.onnx_wire, fuzz_bundles.ACTORS, of_protobuf, 10),
    "actor": Target(fuzz_bundles.actor, fuzz_bundles.ACTORS, of_protobuf, 4),
    "archive": Target(fuzz_bundles.archive, fuzz_bundles.ARCHIVES, of_zip, 4, 2**14),
}
