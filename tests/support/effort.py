"""The number of cases of a property: few in `make test`, many in `make test-all`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def cases(quick: T, *, thorough: T) -> T:
    """The first in `make test`, the second in `make test-all`."""
    return thorough if IS_THOROUGH else quick
