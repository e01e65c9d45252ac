"""Signatures of bundles: Ed25519 over the manifest, which has the hash of every other file.

PyNaCl and not `cryptography`: it is the library that ZeroMQ's CURVE stands on, too, has wheels for Arm, and takes 4 MB instead of 9.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml
from runtime.ed25519 import nacl_library
from runtime.keys import SigningPublic, SigningSecret, key_bytes, read_secret

SIGNATURE = "manifest.sig"
LARGEST_SIGNATURE = 1024
_PURPOSE = b"fieldswarm bundle 1\n"
"""Signed in front of the manifest, so that no signature of anything else can pass for one of a bundle."""


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`manifest.sig`: who signed, and the signature, in hexadecimal digits."""

    ed25519_public: str
    signature: str


def sign(manifest: bytes, key: Path) -> bytes:
    """The content of `manifest.sig`, by the secret key in a file. Raises InputError."""
    seed = key_bytes(read_secret(key, SigningSecret).ed25519_secret, f"{key}: ed25519_secret")
    secret = nacl_library().signing.SigningKey(seed)
    signature = Signature(ed25519_public=bytes(secret.verify_key).hex(), signature=secret.sign(_PURPOSE + manifest).signature.hex())
    return msgspec.json.encode(signature) + b"\n"


def check_signature(manifest: bytes, signature: bytes | None, key: Path, place: str) -> None:
    """Refuse a manifest that was not signed by the public key in a file.

    Args:
        manifest: its bytes.
        signature: the content of `manifest.sig`; None where there is none.
        key: file of the public key.
        place: names the bundle in errors.

    Raises:
        InputError: unsigned, signed by another key, or changed since.
    """
    public = key_bytes(read_yaml(key, SigningPublic).ed25519_public, f"{key}: ed25519_public")
    if signature is None:
        raise InputError(f"{place}: is not signed (it has no {SIGNATURE}); {key} asks for a signature of {public.hex()[:12]}...")
    try:
        claimed = msgspec.json.decode(signature, type=Signature)
        proof = bytes.fromhex(claimed.signature)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise InputError(f"{place}: {SIGNATURE}: is not a signature") from None
    if claimed.ed25519_public != public.hex():
        raise InputError(f"{place}: is signed by {claimed.ed25519_public[:12]!r}..., {key} is {public.hex()[:12]}...")
    nacl = nacl_library()
    try:
        nacl.signing.VerifyKey(public).verify(_PURPOSE + manifest, proof)
    except (nacl.exceptions.BadSignatureError, ValueError):
        raise InputError(f"{place}: {SIGNATURE}: does not fit manifest.json, which was changed since it was signed") from None
