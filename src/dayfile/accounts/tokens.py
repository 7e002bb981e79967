"""New secrets, and the forms in which they are stored."""

from __future__ import annotations

from dayfile.model.secret import InstanceKey, Randomness, encrypt, login_hash, login_matches
from dayfile.store.accounts import StoredToken

_SECRET_LENGTH = 32
_NONCE_BYTES = 12


class Tokens:
    """A maker of secrets and of their stored forms."""

    def __init__(self, *, key: InstanceKey, randomness: Randomness) -> None:
        self._key = key
        self._randomness = randomness

    def new(self) -> str:
        """Return a new secret of letters and digits, which every client can send."""
        return self._randomness.alphanumeric(_SECRET_LENGTH)

    def hash(self, sid: str, secret: str) -> bytes:
        """Return the hash with which a login with the secret is compared."""
        return login_hash(self._key, sid=sid, secret=secret)

    def stored(self, sid: str, token: str) -> StoredToken:
        """Return the stored form of an auth token: to be compared with, and to be read back for signing webhooks."""
        nonce = self._randomness.octets(_NONCE_BYTES)
        return StoredToken(
            login_hash=self.hash(sid, token), encrypted=encrypt(self._key, sid=sid, secret=token, nonce=nonce)
        )

    def is_stored(self, sid: str, token: str, stored: bytes) -> bool:
        """Return True if `stored` is the stored form of the token."""
        return login_matches(self._key, sid=sid, secret=token, stored=[stored])
