"""A week of an instance, simulated: accounts, records and hosts that cannot be had for a measurement.

    python bench/simulate_scale.py [--all] [--accounts 1000000 --records 10000000000 --hosts 40 --cluster] [--json]

Without options it simulates the first week of docs/scale.md, in seconds; with `--all` every week of it, in minutes.

It is a simulation of discrete events: batches arrive by the curve of a day, are committed in groups, compacted, sealed
after midnight, in pieces if there is a cluster, and exported; late records come; hosts fail and come back, and what
they had begun is begun again when its lease has run out. The rules are those of the code: what can be is imported from
it. What a step costs was measured (`Costs`, with the command), and the network is an assumption (`Network`, with its
source). It shows which part is busy, waits or grows. It is no measurement, and knows nothing of what is in neither.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from scale_week import Week
from scale_world import Costs, Network, Plan, Result

SMALL: Final = Plan(name="40 M", accounts=3000, records=40e6, hosts=3)
PLANS: Final = (
    SMALL,
    Plan(name="400 M", accounts=30_000, records=400e6, hosts=6, days=3),
    Plan(name="400 M, Dask", accounts=30_000, records=400e6, hosts=6, days=3, has_cluster=True),
    Plan(name="1,000 M, Dask", accounts=100_000, records=1e9, hosts=20, days=3, has_cluster=True),
    Plan(name="10,000 M, Dask", accounts=1_000_000, records=10e9, hosts=100, days=1, has_cluster=True),
)
A_DAY: Final = ("records", "segments", "compactions", "compactions that a seal was before", "files")
A_DAY_TOO: Final = ("pieces", "former files read again", "PUT", "GET", "statements")
GB_A_DAY: Final = ("bytes of files", "bytes of segments read by seals", "bytes that then rest")
THE_WEEK: Final = ("failures of hosts", "seals begun again", "days that were not sealed in time")
MOST: Final = (
    "records that wait for a server",
    "percent of the serving cores",
    "percent of the commits",
    "segments that wait",
    "statements a second",
    "minutes of a first seal",
    "minutes of a seal after it",
    "minutes after 01:00 until it is sealed",
    "minutes after 01:00 until all is exported",
    "MB of rows of files in the process that seals",
    "MB of sets of accounts in the segments of a day",
)


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every week of docs/scale.md")
    parser.add_argument("--accounts", type=int)
    parser.add_argument("--records", type=float, help="a day")
    parser.add_argument("--hosts", type=int, help="of four cores: two serve, two work")
    parser.add_argument("--cluster", action="store_true", help="the working cores do pieces for all")
    parser.add_argument("--days", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too, as the last line")
    options = parser.parse_args()
    own = {name: getattr(options, name) for name in ("accounts", "records", "hosts", "days", "seed")}
    own = {name: value for name, value in own.items() if value is not None}
    if options.cluster:
        own["has_cluster"] = True
    plans = PLANS if options.all else [replace(SMALL, **own, name="this one") if own else SMALL]
    results = [Week(plan, Costs(), Network()).run() for plan in plans]
    print("\n".join(table(plans, results)))
    if options.json:
        print(
            json.dumps(
                [{"plan": asdict(p), "sums": r.sums, "most": r.most} for p, r in zip(plans, results, strict=True)]
            )
        )


def table(plans: Sequence[Plan], results: Sequence[Result]) -> list[str]:
    """Return the lines of the table."""
    lines = [_row("", [plan.name for plan in plans])]
    lines += [
        _row("accounts", [f"{plan.accounts:,}" for plan in plans]),
        _row("hosts of four cores", [f"{plan.hosts:,}" for plan in plans]),
        _row("days", [f"{plan.days:,}" for plan in plans]),
        "a day:",
    ]
    for name in (*A_DAY, *A_DAY_TOO):
        lines.append(_row(f"  {name}", [f"{r.sums[name] / p.days:,.0f}" for p, r in zip(plans, results, strict=True)]))
    for name in GB_A_DAY:
        figures = [f"{r.sums[name] / p.days / 1e9:,.1f}" for p, r in zip(plans, results, strict=True)]
        lines.append(_row(f"  GB {name.removeprefix('bytes ')}", figures))
    lines.append("in all days:")
    lines += [_row(f"  {name}", [f"{r.sums[name]:,.0f}" for r in results]) for name in THE_WEEK]
    lines.append("at most:")
    lines += [_row(f"  {name}", [_figure(r.most[name]) for r in results]) for name in MOST]
    return lines


def _figure(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _row(name: str, figures: Sequence[str]) -> str:
    return f"{name:<49}" + "".join(f"{figure:>17}" for figure in figures)


if __name__ == "__main__":
    main()
