"""Secrets: subkeys of the instance key, login hashes, and the encryption of what must be read back.

Login secrets are long and random, so one keyed hash is enough: a slow key derivation would only slow down every
request, since clients send Basic credentials on each.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dayfile.errors import Corrupt, Unusable

KEY_BYTES = 32
_NONCE_BYTES = 12


class Randomness(Protocol):
    """A source of unpredictable values; the one implementation is in `service.py`."""

    def hex(self, digits: int) -> str:
        """Return lower-case hexadecimal digits."""
        ...

    def alphanumeric(self, length: int) -> str:
        """Return letters and digits only: a Go client refuses credentials with anything else."""
        ...

    def octets(self, count: int) -> bytes:
        """Return random bytes."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class InstanceKey:
    """The secret of one instance; all its other secrets depend on it, each purpose through a subkey of its own."""

    secret: bytes

    @classmethod
    def parse(cls, text: str) -> InstanceKey:
        """Read the hexadecimal text of at least 32 bytes; raises Unusable, which says how to make one."""
        try:
            secret = bytes.fromhex(text.strip())
        except ValueError as error:
            raise Unusable(
                "the secret key must be hexadecimal digits, two for each byte: make one with `openssl rand -hex 32`"
            ) from error
        if len(secret) < KEY_BYTES:
            raise Unusable(f"the secret key must have at least {2 * KEY_BYTES} hexadecimal digits (32 bytes)")
        return cls(secret)

    def subkey(self, purpose: str) -> bytes:
        """Return the key for one purpose; neither the instance key nor another subkey can be derived from it."""
        return _subkey(self.secret, purpose)

    def check_value(self) -> str:
        """Return the value by which the database recognises this key without knowing it."""
        return self.subkey("check").hex()

    def __repr__(self) -> str:
        return "InstanceKey(...)"


@lru_cache(maxsize=64)  # each request needs one of a few
def _subkey(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, b"dayfile/" + purpose.encode(), "sha256")


def login_hash(key: InstanceKey, *, sid: str, secret: str) -> bytes:
    """Return the stored form of a login secret, bound to its sid."""
    return hmac.digest(key.subkey("login"), f"{sid}:{secret}".encode(), hashlib.sha256)


def login_matches(key: InstanceKey, *, sid: str, secret: str, stored: Collection[bytes]) -> bool:
    """Return True if the secret is one of those stored; the time that it takes tells nothing about them."""
    return hash_matches(login_hash(key, sid=sid, secret=secret), stored)


def memory_digest(key: InstanceKey, secret: bytes) -> bytes:
    """Return a keyed hash by which a process finds again what it keeps of a secret for a moment; it is stored nowhere.

    Readers send theirs with each request: this takes a third of what `login_hash` does.
    """
    return hashlib.blake2b(secret, key=key.subkey("memory"), digest_size=KEY_BYTES).digest()


def hash_matches(given: bytes, stored: Collection[bytes]) -> bool:
    """Return True if the stored form of a secret is one of these; the time that it takes tells nothing about them."""
    # All are compared, whichever matches; if there are none, a value that nothing matches.
    return sum(hmac.compare_digest(given, one) for one in stored or (b"",)) > 0


def encrypt(key: InstanceKey, *, sid: str, secret: str, nonce: bytes) -> bytes:
    """Encrypt a secret that must be read back (a webhook signature needs the auth token), bound to its sid."""
    if len(nonce) != _NONCE_BYTES:
        raise ValueError("an AES-GCM nonce has 12 bytes")
    return nonce + AESGCM(key.subkey("encrypt")).encrypt(nonce, secret.encode(), sid.encode())


def decrypt(key: InstanceKey, *, sid: str, encrypted: bytes) -> str:
    """Return the secret that `encrypt` was given; raises Corrupt if the key, the sid or the bytes are others."""
    nonce, text = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
    try:
        return AESGCM(key.subkey("encrypt")).decrypt(nonce, text, sid.encode()).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce, or not the text of a secret
        raise Corrupt(f"the stored secret of {sid} cannot be decrypted with this instance's key") from error
