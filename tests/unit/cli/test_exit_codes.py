from __future__ import annotations

import pytest

from dayfile import errors
from dayfile.cli.exit_codes import Outcome, outcome_of


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.NotFound("no"), Outcome.NOT_FOUND),
        (errors.StorageUnavailable("no"), Outcome.TRY_AGAIN),
        (errors.DatabaseUnwritable("no"), Outcome.TRY_AGAIN),
        (errors.DatabaseDamaged("no"), Outcome.FAILED),
        (errors.TooManyRequests("no", retry_after=1), Outcome.TRY_AGAIN),
        (errors.InFlight("no", retry_after=1), Outcome.TRY_AGAIN),
        (errors.InvalidParameter("DAY", "must be a day"), Outcome.USAGE),
        (errors.Invalid("no"), Outcome.FAILED),
        (errors.Unusable("no"), Outcome.FAILED),
        (errors.Corrupt("no"), Outcome.FAILED),
        (errors.Unauthorized("no"), Outcome.NOT_FOUND),
        (errors.Forbidden("no"), Outcome.NOT_FOUND),
        (errors.AccountSuspended("no"), Outcome.NOT_FOUND),
    ],
)
def test_an_error_s_exit_code_says_what_can_be_done(error: errors.DayfileError, outcome: Outcome) -> None:
    """A script tries again after 4 and wakes somebody after 1."""
    assert outcome_of(error) is outcome
