"""The library behind signatures, an extra of the onboard set, and the keys that it makes."""

from __future__ import annotations

from typing import Any

from robots.errors import InputError


def nacl_library() -> Any:
    """PyNaCl. Raises InputError that names the missing extra."""
    try:
        import nacl.exceptions
        import nacl.signing
    except ImportError:
        raise InputError("signing keys need the extra 'security': pip install 'fieldswarm[security]'") from None
    return nacl


def new_signing_key() -> tuple[bytes, bytes]:
    """A new seed and its public key, 32 bytes each. Raises InputError."""
    secret = nacl_library().signing.SigningKey.generate()
    return bytes(secret), bytes(secret.verify_key)
