"""An example of every command, shown at the end of its help and in docs/cli.md."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "": ("dayfile init", "dayfile serve"),
    "init": ("dayfile init", "dayfile init --json"),
    "serve": ("dayfile serve", "dayfile serve --host 0.0.0.0 --port 8080 --processes 4"),
    "work": ("dayfile work",),
    "intake": ("dayfile intake Messages october.json.gz", "dayfile intake Calls - < calls.json"),
    "seal": ("dayfile seal", "dayfile seal Messages 2026-10-01"),
    "backup": ("dayfile backup /mnt/backup/dayfile", "dayfile backup s3://backups/dayfile --json"),
    "restore": (
        "dayfile restore /mnt/backup/dayfile",
        "dayfile restore s3://backups/dayfile --json",
    ),
    "move": (
        "dayfile move --to-database postgresql://dayfile@db.example.com/dayfile --to-storage s3://dayfile/main",
        "dayfile move --to-storage file:///mnt/large/objects --yes --json",
        "dayfile move --reopen",
    ),
    "rebuild": ("dayfile rebuild", "dayfile rebuild --json"),
    "status": ("dayfile status", "dayfile status --json"),
    "check": ("dayfile check", "dayfile check --deep --json"),
    "demo": ("dayfile demo", "dayfile demo --exit --records 1000"),
    "accounts": ("dayfile accounts create --name Acme", "dayfile accounts list"),
    "accounts create": ("dayfile accounts create --name Acme --email ops@acme.example --json",),
    "accounts import": ("dayfile accounts import customers.csv --dry-run",),
    "accounts list": ("dayfile accounts list", "dayfile accounts list --json"),
    "accounts show": ("dayfile accounts show AC0123456789abcdef0123456789abcdef",),
    "accounts rotate": ("dayfile accounts rotate AC0123456789abcdef0123456789abcdef --keep-old-for 7d",),
    "accounts suspend": ("dayfile accounts suspend AC0123456789abcdef0123456789abcdef",),
    "accounts activate": ("dayfile accounts activate AC0123456789abcdef0123456789abcdef",),
    "accounts close": ("dayfile accounts close AC0123456789abcdef0123456789abcdef",),
    "accounts webhook-secret": ("dayfile accounts webhook-secret AC0123456789abcdef0123456789abcdef --rotate",),
    "keys": ("dayfile keys create --operator --scope intake", "dayfile keys list"),
    "keys create": (
        "dayfile keys create --operator --scope intake --name gateway --json",
        "dayfile keys create --account AC0123456789abcdef0123456789abcdef --permission downloads:read",
    ),
    "keys list": ("dayfile keys list --account AC0123456789abcdef0123456789abcdef",),
    "keys revoke": ("dayfile keys revoke SK0123456789abcdef0123456789abcdef",),
    "rejections": ("dayfile rejections list", "dayfile rejections retry --all"),
    "rejections list": ("dayfile rejections list --limit 20", "dayfile rejections list --reason price"),
    "rejections groups": ("dayfile rejections groups --by reason",),
    "rejections show": ("dayfile rejections show 17",),
    "rejections retry": ("dayfile rejections retry 17 18", "dayfile rejections retry --all"),
    "rejections drop": ("dayfile rejections drop 17", "dayfile rejections drop --type Calls --yes"),
    "damage": ("dayfile damage list",),
    "damage list": ("dayfile damage list --json",),
    "damage retry": ("dayfile damage retry",),
    "damage accept": (
        "dayfile damage accept segments/type=Calls/day=2026-11-01/0123456789abcdef0123456789abcdef.parquet",
    ),
    "audit": ("dayfile audit list --limit 20",),
    "audit list": (
        "dayfile audit list --since 2026-10-01 --until 2026-11-01",
        "dayfile audit list --actor operator --json",
    ),
    "notices": ("dayfile notices list --state exhausted",),
    "notices list": ("dayfile notices list --state pending --limit 20",),
    "notices show": ("dayfile notices show EV0123456789abcdef0123456789abcdef",),
    "notices replay": ("dayfile notices replay EV0123456789abcdef0123456789abcdef",),
    "storage": ("dayfile storage test",),
    "storage test": ("dayfile storage test", "dayfile storage test --json"),
    "clock": ("dayfile clock", "dayfile clock accept"),
    "clock accept": ("dayfile clock accept",),
    "jobs": ("dayfile jobs create Messages last-month --watch", "dayfile jobs list Messages"),
    "jobs create": (
        "dayfile jobs create Messages 2026-10 --watch",
        "dayfile jobs create Calls 2026-10-01..2026-10-07 --email ops@acme.example",
    ),
    "jobs list": ("dayfile jobs list Messages", "dayfile jobs list --account AC0123456789abcdef0123456789abcdef"),
    "jobs show": ("dayfile jobs show JS0123456789abcdef0123456789abcdef",),
    "jobs watch": ("dayfile jobs watch JS0123456789abcdef0123456789abcdef",),
    "jobs delete": ("dayfile jobs delete JS0123456789abcdef0123456789abcdef",),
    "configuration": ("dayfile configuration set Messages --enable",),
    "configuration show": ("dayfile configuration show Messages",),
    "configuration set": ("dayfile configuration set Messages --enable --webhook-url https://acme.example/days",),
    "days": ("dayfile days sync all last-month -o archive", "dayfile days list Messages"),
    "days list": ("dayfile days list Messages",),
    "days show": ("dayfile days show Messages 2026-10-01",),
    "days fetch": ("dayfile days fetch Messages 2026-10-01",),
    "days download": ("dayfile days download Messages last-week -o archive",),
    "days sync": (
        "dayfile days sync all last-month -o archive",
        "dayfile days sync Messages 2026-10-01..2026-10-07 -o archive --json",
    ),
}
"""The words of a command after `dayfile`, and lines that can be typed."""


def epilog_of(words: str) -> str | None:
    """Return what ends the help of a command, or None for one that has no example."""
    examples = EXAMPLES.get(words)
    return None if examples is None else "\n\n".join(["Examples:" if len(examples) > 1 else "Example:", *examples])
