"""Prices of a bucket: what an instance keeps in it, asks of it, and pays for it in a month.

    python bench/scale_price.py [--accounts 3000 --records 40000000 --hosts 3 --kept 366] [--gb 0.023]

Without accounts and records it counts the three instances of docs/scale.md. Requests and bytes of a day are those of
`simulate_scale.py`. What is kept: the files of so many days; for 14 days a second revision of each, since records come
late; and for a week, in which a database may be restored, the segments that were compacted or sealed. The scrub reads
each file once a week, with its neighbours in a pack, as far as `DAYFILE_SCRUB_MB_PER_SECOND` lets it, and every file is
downloaded once. Bytes that leave the provider's network are not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from scale_week import Week
from scale_world import DAY, SETTINGS, Accounts, Costs, Network, Plan

from dayfile.objects.scrub import PAGE

DAYS: Final = 30.5  # of a month
OPENED_BYTES: Final = 64 * 1024  # that opening an object counts for, in the scrub
PLANS: Final = (
    Plan(name="3,000", accounts=3000, records=40e6, hosts=3, days=3),
    Plan(name="100,000", accounts=100_000, records=1e9, hosts=20, days=3, has_cluster=True),
    Plan(name="1,000,000", accounts=1_000_000, records=10e9, hosts=100, days=1, has_cluster=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """List prices in dollars."""

    gb_month: float
    put: float  # and of POST and LIST
    get: float  # and of HEAD; to delete costs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month of a bucket, once so many days are kept as are to be kept."""

    kept_gb: float  # files
    second_gb: float  # revisions that others have replaced
    resting_gb: float  # segments
    puts: float
    gets: float
    scrub_gets: float
    scrub_days: float  # for one round
    download_gets: float


def bill(plan: Plan, *, kept_days: int) -> Bill:
    """Return what there is to pay for."""
    result = Week(plan, Costs(), Network()).run()
    costs, accounts = Costs(), Accounts(plan.accounts)
    files = accounts.among(plan.records)
    readings = accounts.readings(plan.records, costs.file_bytes, among=plan.records, at_once=PAGE)
    day_gb = plan.records * costs.file_bytes / 1e9
    delay = SETTINGS.sweep_delay / SETTINGS.scrub_every * SETTINGS.scrub_days  # days
    kept_bytes = kept_days * day_gb * 1e9 + kept_days * readings * OPENED_BYTES
    round_days = max(kept_bytes / SETTINGS.scrub_bytes_per_second / DAY, SETTINGS.scrub_days)
    second = min(result.sums["bytes of files"] / plan.days / 1e9 - day_gb, day_gb) if plan.days > 1 else day_gb
    return Bill(
        kept_gb=kept_days * day_gb,
        second_gb=max(second, 0.0) * (SETTINGS.file_lifetime_days + delay),
        resting_gb=result.sums["bytes that then rest"] / plan.days / 1e9 * delay,
        puts=result.sums["PUT"] / plan.days * DAYS,
        gets=result.sums["GET"] / plan.days * DAYS,
        scrub_gets=2 * kept_days * readings / round_days * DAYS,  # each time a look, and a read
        scrub_days=round_days,
        download_gets=files * DAYS,
    )


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int)
    parser.add_argument("--records", type=float, help="a day")
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--kept", type=int, default=366, help="days whose files are kept")
    parser.add_argument("--gb", type=float, default=0.023, help="price of a gigabyte for a month")
    parser.add_argument("--put", type=float, default=0.005, help="price of a thousand PUT, POST or LIST")
    parser.add_argument("--get", type=float, default=0.0004, help="price of a thousand GET or HEAD")
    options = parser.parse_args()
    own = {name: getattr(options, name) for name in ("accounts", "records", "hosts")}
    own = {name: value for name, value in own.items() if value is not None}
    plans = [replace(PLANS[0], name="this one", has_cluster=options.cluster, **own)] if own else PLANS
    prices = Prices(gb_month=options.gb, put=options.put / 1000, get=options.get / 1000)
    print("\n".join(table(plans, [bill(plan, kept_days=options.kept) for plan in plans], prices)))


def table(plans: Sequence[Plan], bills: Sequence[Bill], prices: Prices) -> list[str]:
    """Return the lines of the table."""
    lines = [_row("accounts", [f"{plan.accounts:,}" for plan in plans])]
    lines.append(_row("records a day", [f"{plan.records / 1e6:,.0f} M" for plan in plans]))
    amounts = {
        "GB of files": ("kept_gb", prices.gb_month),
        "GB of second revisions": ("second_gb", prices.gb_month),
        "GB of segments that rest": ("resting_gb", prices.gb_month),
        "PUT, POST": ("puts", prices.put),
        "GET, HEAD": ("gets", prices.get),
        "GET, HEAD of the scrub": ("scrub_gets", prices.get),
        "GET of downloads": ("download_gets", prices.get),
    }
    totals = [0.0 for _ in bills]
    for name, (field, price) in amounts.items():
        figures = [getattr(one, field) for one in bills]
        totals = [total + figure * price for total, figure in zip(totals, figures, strict=True)]
        lines.append(_row(name, [f"{_short(one):>9} {f'${one * price:,.0f}':>10}" for one in figures]))
    lines.append(_row("in a month", [f"${total:,.0f}" for total in totals]))
    lines.append(_row("days of a round of the scrub", [f"{one.scrub_days:,.0f}" for one in bills]))
    return lines


def _short(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size * 10:
            return f"{value / size:,.0f} {unit}"
    return f"{value:,.0f}"


def _row(name: str, figures: Sequence[str]) -> str:
    return f"{name:<30}" + "".join(f"{figure:>22}" for figure in figures)


if __name__ == "__main__":
    main()
