"""The operator's commands about accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.options import JsonOption, read_account, screen_of
from dayfile.cli.show import Column
from dayfile.model.account import AccountSid
from dayfile.model.webhook_secret import secret_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dayfile.model.account import Account
    from dayfile.store.database import Database

app = typer.Typer(no_args_is_help=True, help="Accounts: whose records there are.")

_PAGE = 500

AccountArgument = Annotated[
    AccountSid,
    typer.Argument(metavar="ACCOUNT", help="Account sid, AC…", parser=read_account, show_default=False),
]


@app.command("create")
def create(
    ctx: typer.Context,
    *,
    parent: Annotated[
        AccountSid | None,
        typer.Option("--parent", metavar="ACCOUNT", help="Make a subaccount of this account.", parser=read_account),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Friendly name.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make an account. Its auth token is shown once, now."""
    with instance.opened() as service:
        new = service.administration.create_account(parent=parent, friendly_name=name)
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(new.account) | {"auth_token": new.auth_token})
        return
    screen.facts({"account_sid": new.account.sid, "auth_token": new.auth_token})
    screen.note("Keep the auth token: it is not shown again. `dayfile accounts rotate` makes another.")


@app.command("list")
def list_accounts(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List all accounts."""
    with instance.opened() as service:
        accounts = list(_all(service.database))
    screen = screen_of(ctx)
    if as_json:
        screen.json([_as_json(account) for account in accounts])
        return
    columns = (
        Column("ACCOUNT", whole=True),
        Column("PARENT"),
        Column("STATE", whole=True),
        Column("CREATED", whole=True),
        Column("NAME"),
    )
    rows = (
        (
            account.sid,
            account.parent,
            account.state.value,
            f"{account.created_at:%Y-%m-%d %H:%M}",
            account.friendly_name,
        )
        for account in accounts
    )
    screen.table(columns, rows, empty="There is no account. Make one: dayfile accounts create")


@app.command("rotate")
def rotate(ctx: typer.Context, *, account: AccountArgument, as_json: JsonOption = False) -> None:
    """Give an account a new auth token, shown once, now. The old one stops working at once."""
    with instance.opened() as service:
        token = service.administration.rotate_token(account)
    screen = screen_of(ctx)
    if as_json:
        screen.json({"account_sid": account, "auth_token": token})
        return
    screen.facts({"account_sid": account, "auth_token": token})


@app.command("webhook-secret")
def webhook_secret(
    ctx: typer.Context,
    *,
    account: AccountArgument,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the one before signs as well for another day.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the secrets that sign an account's webhooks as Standard Webhooks has it, newest first."""
    with instance.opened() as service:
        administration = service.administration
        secrets = administration.rotate_webhook_secret(account) if rotate else administration.webhook_secrets(account)
    texts = [secret_text(secret) for secret in secrets]
    screen = screen_of(ctx)
    if as_json:
        screen.json({"account_sid": account, "webhook_secrets": texts})
        return
    screen.facts({"account_sid": account, "webhook_secret": " ".join(texts)})


def _all(database: Database) -> Iterator[Account]:
    after: AccountSid | None = None
    while True:
        with database.snapshot() as tx:
            page = tx.accounts.listed(after=after, limit=_PAGE)
        if not page:
            return
        yield from page
        after = page[-1].sid


def _as_json(account: Account) -> dict[str, object]:
    return {
        "account_sid": account.sid,
        "parent_account_sid": account.parent,
        "friendly_name": account.friendly_name,
        "status": account.state.value,
        "date_created": f"{account.created_at:%Y-%m-%dT%H:%M:%SZ}",
    }
