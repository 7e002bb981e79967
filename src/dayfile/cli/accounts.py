"""The operator's commands about accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import accounts_import, instance
from dayfile.cli.command_group import Family
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.options import JsonOption, KeepOption, read_account, screen_of
from dayfile.cli.terminal import Column
from dayfile.errors import InvalidParameter
from dayfile.model.account import KEEP_OLD_FOR, AccountSid, AccountState
from dayfile.model.email import parse_email

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dayfile.cli.terminal import Screen
    from dayfile.model.account import Account
    from dayfile.store.database import Database

app = Family(help="Accounts: the owners of records.")

_PAGE = 500

AccountArgument = Annotated[
    AccountSid,
    typer.Argument(metavar="ACCOUNT", help="Account sid, AC…", parser=read_account, show_default=False),
]


def _read_email(text: str) -> str:
    try:
        return parse_email(text, name="ADDRESS")
    except InvalidParameter as error:
        raise typer.BadParameter(str(error)) from error


@app.command("create")
def create(
    ctx: typer.Context,
    *,
    parent: Annotated[
        AccountSid | None,
        typer.Option("--parent", metavar="ACCOUNT", help="Create a subaccount of this account.", parser=read_account),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Friendly name.")] = "",
    email: Annotated[
        str | None,
        typer.Option("--email", metavar="ADDRESS", help="E-mail address of its owner.", parser=_read_email),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an account. Its auth token is shown only this once."""
    with instance.opened(screen_of(ctx)) as service:
        new = service.administration.create_account(parent=parent, friendly_name=name, email=email)
        place = service.settings.place
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(new.account) | {"auth_token": new.auth_token})
        return
    screen.facts({"account_sid": new.account.sid, "auth_token": new.auth_token})
    screen.note(f"It is an account of the instance in {place}.")
    screen.note("Keep the auth token: it is not shown again. `dayfile accounts rotate` makes another.")


app.command("import")(accounts_import.import_accounts)


@app.command("list")
def list_accounts(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List all accounts."""
    with instance.opened(screen_of(ctx), to_read=True) as service:
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


@app.command("show")
def show(ctx: typer.Context, *, account: AccountArgument, as_json: JsonOption = False) -> None:
    """Show one account."""
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        found = tx.accounts.get(account)
        login = tx.logins.find(account)
        keys = sum(key.revoked_at is None for key in tx.keys.listed(account=account))
        subaccounts = tx.accounts.open_subaccounts(account)
        now = service.clock.now()
    until = login.former_until if login is not None and login.former_until and login.former_until > now else None
    screen = screen_of(ctx)
    if as_json:
        screen.json(
            _as_json(found)
            | {
                "old_token_works_until": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else None,
                "subaccounts": subaccounts,
                "keys": keys,
            }
        )
        return
    screen.facts(
        {
            "account_sid": found.sid,
            "parent": found.parent or "-",
            "state": found.state.value,
            "name": found.friendly_name or "-",
            "email": found.email or "-",
            "created": f"{found.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "old token": f"works until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "none that works",
            "subaccounts": f"{subaccounts:,}",
            "keys": f"{keys:,}",
        }
    )


@app.command("rotate")
def rotate(
    ctx: typer.Context,
    *,
    account: AccountArgument,
    keep_old_for: KeepOption = None,
    now: Annotated[bool, typer.Option("--now", help="Stop all older tokens within 3 seconds, after a leak.")] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Make no new token; only stop the old one, if it still works.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an account a new auth token, shown only this once. The old one keeps working for a while.

    Webhooks are signed with the new token from now on.
    """
    if (keep_old_for is not None) + now + finish > 1:
        raise typer.BadParameter("--keep-old-for, --now and --finish exclude one another")
    screen = screen_of(ctx)
    with instance.opened(screen_of(ctx)) as service:
        if now or finish:
            confirm(screen, f"End the old auth token of {account} at once", yes=yes, alone=True)
        if finish:
            service.administration.end_former_token(account)
            said = f"Only the current token of {account} works now."
            _tell(screen, service.database, account, said=said, as_json=as_json)
            return
        keep = timedelta(0) if now else KEEP_OLD_FOR if keep_old_for is None else keep_old_for
        token = service.administration.rotate_token(account, keep_old_for=keep)
        until = service.clock.now() + keep
    if as_json:
        works_until = f"{until:%Y-%m-%dT%H:%M:%SZ}" if keep else None
        screen.json({"account_sid": account, "auth_token": token, "old_token_works_until": works_until})
        return
    screen.facts({"account_sid": account, "auth_token": token})
    screen.note(
        f"The old token works until {until:%Y-%m-%d %H:%M} UTC." if keep else "The old token has stopped working."
    )


@app.command("suspend")
def suspend(ctx: typer.Context, *, account: AccountArgument, as_json: JsonOption = False) -> None:
    """Suspend an account and its subaccounts: their requests are refused. Records are still accepted and kept."""
    with instance.opened(screen_of(ctx)) as service:
        service.administration.suspend(account)
        said = f"Suspended {account}, and with it its subaccounts."
        _tell(screen_of(ctx), service.database, account, said=said, as_json=as_json)


@app.command("activate")
def activate(ctx: typer.Context, *, account: AccountArgument, as_json: JsonOption = False) -> None:
    """Make a suspended account active again."""
    with instance.opened(screen_of(ctx)) as service:
        service.administration.activate(account)
        _tell(screen_of(ctx), service.database, account, said=f"Activated {account}.", as_json=as_json)


@app.command("close")
def close(ctx: typer.Context, *, account: AccountArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Close an account for good: its credentials and keys stop working. Its records stay."""
    with instance.opened(screen_of(ctx)) as service:
        with service.database.snapshot() as tx:
            found = tx.accounts.get(account)
        if found.state is not AccountState.CLOSED:
            named = f" ({found.friendly_name})" if found.friendly_name else ""
            confirm(screen_of(ctx), f"Close {account}{named} and revoke its keys", yes=yes)
        service.administration.close(account)
        _tell(screen_of(ctx), service.database, account, said=f"Closed {account}.", as_json=as_json)


@app.command("webhook-secret")
def webhook_secret(
    ctx: typer.Context,
    *,
    account: AccountArgument,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new secret; the previous one also signs for a day.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the Standard Webhooks secrets that sign an account's webhooks, newest first."""
    from dayfile.model.webhook_secret import secret_text

    with instance.opened(screen_of(ctx), to_read=not rotate) as service:
        administration = service.administration
        secrets = administration.rotate_webhook_secret(account) if rotate else administration.webhook_secrets(account)
    texts = [secret_text(secret) for secret in secrets]
    screen = screen_of(ctx)
    if as_json:
        screen.json({"account_sid": account, "webhook_secrets": texts})
        return
    screen.facts({"account_sid": account, "webhook_secret": " ".join(texts)})


def _tell(screen: Screen, database: Database, sid: AccountSid, *, said: str, as_json: bool) -> None:
    """Tell what became of an account: in a sentence, or as it is now."""
    if not as_json:
        screen.note(said)
        return
    with database.snapshot() as tx:
        screen.json(_as_json(tx.accounts.get(sid)))


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
        "email": account.email,
        "date_created": f"{account.created_at:%Y-%m-%dT%H:%M:%SZ}",
    }
