"""What a check finds: something that must not be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that must not be: which invariant it breaks, what it is about, and what to do."""

    invariant: str
    subject: str
    detail: str
