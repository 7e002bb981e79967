"""Accidents: every few seconds some host is killed, or frozen for longer than its leases last."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dayfile.demo.dice import Dice
from tests.support.hosts import Host

FROZEN: Final = 4
"""One accident in so many is a freeze, while nobody is frozen."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The seconds from one accident to the next, and those for which a host is frozen."""

    every: float
    frozen_for: float


class Accidents:
    """A thread that has accidents happen to hosts until it is stopped: random ones, or those that are planned."""

    def __init__(
        self,
        hosts: Sequence[Host],
        pace: Pace,
        *,
        seed: str | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the hosts; with a seed, accidents are random when none is planned."""
        self.killed: Counter[str] = Counter()
        self.frozen: Counter[str] = Counter()
        self._hosts, self._pace, self._tell = hosts, pace, tell
        self._dice = None if seed is None else Dice(f"{seed}/accidents")
        self._planned: deque[str] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accidents", daemon=True)
        self._freezers: list[threading.Thread] = []

    def __str__(self) -> str:
        return f"{self.killed.total()} kills and {self.frozen.total()} freezes"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def plan(self, *names: str) -> None:
        """Have these hosts be next, in this order: those with a minus before their name are frozen, others killed."""
        self._planned.extend(names)

    def stop(self) -> None:
        """Let nothing more happen; returns when nobody is frozen."""
        self._stopping.set()
        self._thread.join()
        for freezer in self._freezers:
            freezer.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._pace.every):
            if (accident := self._next()) is None:
                continue
            host, freezes = accident
            if not host.is_up or (freezes and any(one.is_frozen for one in self._hosts)):
                continue  # it has had its accident; else those that are just up would have them all
            if self._planned:
                self._planned.popleft()
            if freezes:
                self._freeze(host)
            else:
                self.killed[host.name] += 1
                self._tell(f"{host.name} is killed, and started again")
                host.kill()

    def _next(self) -> tuple[Host, bool] | None:
        """Return the host whose turn it is, and True if it is to be frozen."""
        if self._planned:
            name = self._planned[0]
            return next(host for host in self._hosts if host.name == name.lstrip("-")), name.startswith("-")
        if self._dice is None:
            return None
        return self._dice.pick(self._hosts), self._dice.happens(1, of=FROZEN)

    def _freeze(self, host: Host) -> None:
        self.frozen[host.name] += 1
        self._tell(f"{host.name} is frozen for {self._pace.frozen_for:.0f} s")
        host.freeze()

        def thaw() -> None:
            self._stopping.wait(self._pace.frozen_for)
            host.thaw()
            self._tell(f"{host.name} goes on, as if nothing had been")

        self._freezers.append(threading.Thread(target=thaw, name="freezer", daemon=True))
        self._freezers[-1].start()
