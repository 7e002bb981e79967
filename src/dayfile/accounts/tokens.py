"""New secrets, and the forms in which they are stored."""

from __future__ import annotations

from dayfile.model.secret import InstanceKey, Randomness, encrypt, login_hash, login_matches
from dayfile.store.accounts import StoredToken

_SECRET_LENGTH = 32
_NONCE_BYTES = 12


class Tokens:
    """Makes secrets and what is kept of them."""

    def __init__(self, *, key: InstanceKey, randomness: Randomness) -> None:
        self._key = key
        self._randomness = randomness

    def new(self) -> str:
        """A new secret of letters and digits, which every client can send."""
        return self._randomness.alphanumeric(_SECRET_LENGTH)

    def hash(self, sid: str, secret: str) -> bytes:
        """What a login with the secret is compared with."""
        return login_hash(self._key, sid=sid, secret=secret)

    def stored(self, sid: str, token: str) -> StoredToken:
        """An auth token as it is stored: to be compared with, and to be read back for signing webhooks."""
        nonce = self._randomness.octets(_NONCE_BYTES)
        return StoredToken(
            login_hash=self.hash(sid, token), encrypted=encrypt(self._key, sid=sid, secret=token, nonce=nonce)
        )

    def is_stored(self, sid: str, token: str, stored: bytes) -> bool:
        """Whether that is the stored form of the token."""
        return login_matches(self._key, sid=sid, secret=token, stored=[stored])
