"""The operator's command that imports the accounts of a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.input_files import check_input, opened, total_bytes
from dayfile.cli.options import JsonOption, KeepOption, screen_of
from dayfile.cli.terminal import Column, Screen
from dayfile.model.account import KEEP_OLD_FOR, go_refuses
from dayfile.model.account_entry import Action
from dayfile.model.quantity import count_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dayfile.accounts.read import AccountList
    from dayfile.model.account import AccountSid
    from dayfile.model.account_entry import Step

_PACKED_ENDINGS = (".gz", ".zst")

FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV with a header, or JSON lines; plain, gzip or zstd. - is standard input. Fields: sid (or a UUID), "
        "token, parent, state, friendly_name, email.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


def import_accounts(
    ctx: typer.Context,
    *,
    file: FileArgument,
    dry_run: DryRunOption = False,
    keep_old_for: KeepOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create and change accounts from a file: all of them, or none if a line is wrong.

    Importing the same file again changes nothing. New accounts without a token get one, which is shown only this once.
    """
    from dayfile.accounts.bring import EntriesRefused

    screen = screen_of(ctx)
    accounts = _read(screen, file)
    new_tokens: Mapping[AccountSid, str] = {}
    with instance.opened(screen_of(ctx), to_read=dry_run, make=not dry_run) as service:
        try:
            if dry_run:
                steps = service.administration.plan(accounts.entries)
            else:
                keep = KEEP_OLD_FOR if keep_old_for is None else keep_old_for
                brought = service.administration.bring(accounts.entries, keep_old_for=keep)
                steps, new_tokens = brought.steps, brought.new_tokens
        except EntriesRefused as refused:
            raise accounts.refused(refused) from refused
    _show(screen, steps, new_tokens, as_json=as_json)
    done = sum(step.action is not Action.LEAVE for step in steps)
    changed = "would change" if dry_run else "changed"
    screen.note(f"{count_text(done, 'account')} {changed}, {len(steps) - done:,} as before.")
    strange = sum(step.entry.token is not None and go_refuses(step.entry.token) for step in steps)
    if strange:
        screen.warn(
            f"{count_text(strange, 'token')} with other characters than letters and digits: Twilio's library for Go "
            "does not send such a token, all others do."
        )


def _read(screen: Screen, file: str) -> AccountList:
    from dayfile.accounts.read import read_accounts

    total = None if check_input(file).endswith(_PACKED_ENDINGS) else total_bytes([file])
    with opened(file) as stream, screen.transfer("Reading", total) as bar:
        return read_accounts(stream, on_progress=bar.advance)


def _show(screen: Screen, steps: Sequence[Step], new_tokens: Mapping[AccountSid, str], *, as_json: bool) -> None:
    if as_json:
        screen.json(
            [
                {"account_sid": step.entry.sid, "action": step.action.value, "changes": list(step.changes)}
                | ({"auth_token": new_tokens[step.entry.sid]} if step.entry.sid in new_tokens else {})
                for step in steps
            ]
        )
        return
    columns = (
        Column("ACCOUNT", whole=True),
        Column("ACTION", whole=True),
        Column("CHANGES"),
        Column("NEW TOKEN", whole=True),
    )
    rows = (
        (step.entry.sid, step.action.value, ", ".join(step.changes) or None, new_tokens.get(step.entry.sid))
        for step in steps
        if step.action is not Action.LEAVE
    )
    screen.table(columns, rows, empty="Nothing to change.")
