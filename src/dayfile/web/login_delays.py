"""Delays of responses to failed logins: docs/decisions/0021-who-is-asking-behind-a-proxy.md."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from dayfile.web.client_address import TrustedProxies, group_of, is_local

MOST_COUNTED: Final = 10_000
"""Most clients, and most user names, whose failures are remembered; the oldest are dropped."""

_MOST_DOUBLINGS: Final = 16  # further failures are not counted, so that the count can decay in reasonable time
_NAME_LENGTH: Final = 64  # of the kept part of a user name; a sid has 34 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRule:
    """Delays of responses by the number of failures, and the limit of responses that are delayed at once.

    The first failures are free, and each further one doubles the delay. The count halves after every
    `half_life_seconds` without a failure.
    """

    free_failures: int = 3
    first_seconds: float = 0.25
    longest_seconds: float = 8.0
    half_life_seconds: float = 60.0
    most_delayed: int = 256  # responses, in one process

    def seconds(self, failures: int) -> float:
        """Return the delay after `failures` failures, in seconds."""
        beyond = failures - self.free_failures
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (beyond - 1)) if beyond > 0 else 0.0


USUAL_DELAYS: Final = DelayRule()
"""No delay for three failures, then 0.25 s, doubled by each further one, up to 8 s; a quiet minute halves the count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogin:
    """The count of failures including this login, and the delay of its response."""

    failures: int  # of the client or with the user name, whichever is more
    seconds: float  # by which the response is delayed


class LoginDelays:
    """Counts of failed logins, by client and by user name. Thread-safe.

    Nobody is locked out: right credentials are never delayed, whatever the counts. A client is an IPv4 address or a
    /64 network of IPv6. Peers that may be a proxy which is not configured count by user name only, since a count by
    address would mix all its clients.
    """

    def __init__(self, rule: DelayRule, *, proxies: TrustedProxies, most_counted: int = MOST_COUNTED) -> None:
        self._rule = rule
        self._has_proxies = bool(proxies.networks)
        self._clients = _Counts(rule, most=most_counted)
        self._names = _Counts(rule, most=most_counted)
        self._lock = threading.Lock()

    @property
    def counted(self) -> int:
        """Number of remembered clients and user names."""
        return len(self._clients) + len(self._names)

    def fail(self, username: str, *, client: str, now: float) -> FailedLogin:
        """Count a failed login at `now`, monotonic seconds, and return the counts."""
        group = self._group(client)
        with self._lock:
            of_name = self._names.add(_key(username), client=group, now=now)
            of_client = 0 if group is None else self._clients.add(group, client=group, now=now)
        failures = max(of_name, of_client)
        return FailedLogin(failures=failures, seconds=self._rule.seconds(failures))

    def succeed(self, username: str, *, client: str) -> None:
        """Reset the count of a user name if all its failures came from this client, which mistyped its password.

        A count with failures of others stays: the victim's success must not reset the attacker's count. The client's
        own count stays, too: an attacker may have valid credentials of its own.
        """
        if self._names.has(_key(username)):  # checked without the lock first: there is hardly ever a count
            group = self._group(client)
            with self._lock:
                self._names.forget(_key(username), client=group)

    def _group(self, client: str) -> str | None:
        return None if is_local(client) and not self._has_proxies else group_of(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    failures: float
    at: float  # monotonic
    client: str | None  # of all failures; None: several clients, or unknown


class _Counts:
    """Decaying counts of failures by key; the keys that failed longest ago are dropped."""

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
