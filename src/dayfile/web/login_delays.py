"""Delays of the answers to failed logins: docs/decisions/0021-who-is-asking-behind-a-proxy.md."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from dayfile.web.client_address import TrustedProxies, group_of, is_local

MOST_COUNTED: Final = 10_000
"""Clients and user names, each, whose failures are remembered: those that failed last."""

_MOST_DOUBLINGS: Final = 16  # failures beyond these are not counted: what is counted must also be forgotten
_NAME_LENGTH: Final = 64  # of a user name so much is kept: a sid has 34 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRule:
    """Delays of answers by the number of failures, and how many answers wait at once.

    The first failures are free, and each one beyond them doubles the delay. A failure counts half after every
    `half_life_seconds` in which there was no other.
    """

    free_failures: int = 3
    first_seconds: float = 0.25
    longest_seconds: float = 8.0
    half_life_seconds: float = 60.0
    most_delayed: int = 256  # answers, in one process

    def seconds(self, failures: int) -> float:
        """Return the delay of the answer to the last of so many failures."""
        beyond = failures - self.free_failures
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (beyond - 1)) if beyond > 0 else 0.0


USUAL_DELAYS: Final = DelayRule()
"""None for three failures, then 0.25 s and twice as much for each, at most 8 s; a quiet minute halves the count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogin:
    """A failed login with those before it."""

    failures: int  # of the client or with the user name, whichever is more
    seconds: float  # that the answer is held back


class LoginDelays:
    """Counts of failed logins, by client and by user name. Safe to share between threads.

    Nobody is locked out: right credentials are never delayed, whatever was counted. A client is an IPv4 address or a
    /64 network of IPv6. Peers that may be a proxy that nobody named count by user name only, since a count by address
    would be one of everybody.
    """

    def __init__(self, rule: DelayRule, *, proxies: TrustedProxies, most_counted: int = MOST_COUNTED) -> None:
        self._rule = rule
        self._has_proxies = bool(proxies.networks)
        self._clients = _Counts(rule, most=most_counted)
        self._names = _Counts(rule, most=most_counted)
        self._lock = threading.Lock()

    @property
    def counted(self) -> int:
        """Clients and user names that are remembered, in number."""
        return len(self._clients) + len(self._names)

    def fail(self, username: str, *, client: str, now: float) -> FailedLogin:
        """Count a failed login at a monotonic moment, in seconds."""
        group = self._group(client)
        with self._lock:
            of_name = self._names.add(_key(username), client=group, now=now)
            of_client = 0 if group is None else self._clients.add(group, client=group, now=now)
        failures = max(of_name, of_client)
        return FailedLogin(failures=failures, seconds=self._rule.seconds(failures))

    def succeed(self, username: str, *, client: str) -> None:
        """Forget the failures with a user name if all of them came from this client, which mistyped its password.

        Those of others stay: an attacker's count is not ended by the success of the one who is attacked. Those of the
        client stay, too: an attacker has credentials of its own.
        """
        if self._names.has(_key(username)):  # asked without the lock first: hardly ever is there anything
            group = self._group(client)
            with self._lock:
                self._names.forget(_key(username), client=group)

    def _group(self, client: str) -> str | None:
        return None if is_local(client) and not self._has_proxies else group_of(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    failures: float
    at: float  # monotonic
    client: str | None  # that all of them came from; None: from several, or nobody knows


class _Counts:
    """Failures by key; the keys that failed longest ago are dropped."""

    def __init__(self, rule: DelayRule, *, most: int) -> None:
        self._rule = rule
        self._most = most
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def has(self, key: str) -> bool:
        return key in self._counts

    def add(self, key: str, *, client: str | None, now: float) -> int:
        before = self._counts.pop(key, None)
        failures = 0.0 if before is None else self._left(before, now)
        same = before is None or before.client == client or round(failures) == 0
        most = self._rule.free_failures + _MOST_DOUBLINGS
        self._counts[key] = _Count(failures=min(failures + 1, most), at=now, client=client if same else None)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return round(self._counts[key].failures)

    def forget(self, key: str, *, client: str | None) -> None:
        count = self._counts.get(key)
        if count is not None and client is not None and count.client == client:
            del self._counts[key]

    def _left(self, count: _Count, now: float) -> float:
        quiet = max(0.0, now - count.at)
        return float(count.failures * 0.5 ** (quiet / self._rule.half_life_seconds))


def _key(username: str) -> str:
    return username[:_NAME_LENGTH]
