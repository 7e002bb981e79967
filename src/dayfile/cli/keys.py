"""The operator's commands about API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.confirmation import YesOption, confirm
from dayfile.cli.options import JsonOption, read_account, screen_of
from dayfile.cli.terminal import Column
from dayfile.errors import Invalid
from dayfile.model.account import AccountSid
from dayfile.model.credential import (
    GRANTABLE,
    GRANTABLE_SCOPES,
    KeyKind,
    Permission,
    Scope,
    check_key,
    parse_key_sid,
    permissions_of,
)

if TYPE_CHECKING:
    from dayfile.model.credential import ApiKey

app = Family(help="API keys, of an account or of the operator.")

_OPERATOR = "operator"
_SCOPES = [scope.value for scope in Scope if scope in GRANTABLE_SCOPES]
_PERMISSIONS = [permission.value for permission in Permission if permission in GRANTABLE]


def _read_scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as error:
        raise _not_one_of(_SCOPES, text) from error


def _read_permission(text: str) -> Permission:
    try:
        return Permission(text)
    except ValueError as error:
        raise _not_one_of(_PERMISSIONS, text) from error


def _not_one_of(offered: Sequence[str], text: str) -> typer.BadParameter:
    """Return the error for a word that names nothing; one that cannot be given is `check_key`'s, which says why."""
    return typer.BadParameter(f"{text!r} is not one of {', '.join(map(repr, offered))}.")


def _complete_scope(incomplete: str) -> list[str]:
    return [scope for scope in _SCOPES if scope.startswith(incomplete)]


def _complete_permission(incomplete: str) -> list[str]:
    return [permission for permission in _PERMISSIONS if permission.startswith(incomplete)]


ScopesOption = Annotated[
    list[Scope] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help=f"What the operator's key may do: {', '.join(_SCOPES)}. Repeat the option for more.",
        parser=_read_scope,
        autocompletion=_complete_scope,
        show_default="intake",
    ),
]
KindOption = Annotated[
    KeyKind | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="What an account's key may do: main (all that the auth token may), standard (all but manage keys) "
        "or restricted (what --permission names).",
        show_default="standard, or restricted with a --permission",
    ),
]
PermissionsOption = Annotated[
    list[Permission] | None,
    typer.Option(
        "--permission",
        metavar="PERMISSION",
        help=f"What a restricted key may do: {', '.join(_PERMISSIONS)}. Repeat the option for more.",
        parser=_read_permission,
        autocompletion=_complete_permission,
        show_default=False,
    ),
]
_COLUMNS = (
    Column("KEY", whole=True),
    Column("OF"),
    Column("KIND", whole=True),
    Column("MAY DO"),
    Column("STATE", whole=True),
    Column("CREATED", whole=True),
    Column("NAME"),
)


@app.command("create")
def create(
    ctx: typer.Context,
    *,
    operator: Annotated[bool, typer.Option("--operator", help="Make a key of the operator, with scopes.")] = False,
    account: Annotated[
        AccountSid | None,
        typer.Option("--account", metavar="ACCOUNT", help="Make a key of this account.", parser=read_account),
    ] = None,
    scopes: ScopesOption = None,
    kind: KindOption = None,
    permissions: PermissionsOption = None,
    name: Annotated[str, typer.Option("--name", help="Friendly name.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Make a key of an account or, with --operator, of the operator. Its secret is shown only this once."""
    if operator == (account is not None):
        raise typer.BadParameter("give either --operator or --account AC…, to say whose key it is")
    if operator:
        kind, scopes = kind or KeyKind.OPERATOR, scopes or [Scope.INTAKE]
    else:
        kind = kind or (KeyKind.RESTRICTED if permissions else KeyKind.STANDARD)
    try:
        check_key(kind, of_account=not operator, scopes=scopes or (), permissions=permissions or ())
    except Invalid as error:
        raise typer.BadParameter(str(error)) from error
    with instance.opened(screen_of(ctx)) as service:
        new = service.administration.create_key(
            account=account, kind=kind, scopes=scopes or (), permissions=permissions or (), friendly_name=name
        )
        place = service.settings.place
    screen = screen_of(ctx)
    if as_json:
        screen.json(_as_json(new.key) | {"secret": new.secret})
        return
    screen.facts({"sid": new.key.sid, "secret": new.secret})
    screen.note(f"It is a key of the instance in {place}.")
    screen.note("Keep the secret: it is not shown again.")


@app.command("list")
def list_keys(
    ctx: typer.Context,
    *,
    account: Annotated[
        AccountSid | None,
        typer.Option("--account", metavar="ACCOUNT", help="Only keys of this account.", parser=read_account),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List all keys, including revoked ones."""
    with instance.opened(screen_of(ctx), to_read=True) as service, service.database.snapshot() as tx:
        if account is not None:
            tx.accounts.get(account)  # raises for one that is not there
        keys = tx.keys.listed(account=account)
    screen = screen_of(ctx)
    if as_json:
        screen.json([_as_json(key) for key in keys])
        return
    rows = (
        (
            key.sid,
            key.account or _OPERATOR,
            key.kind.value,
            _may_do(key),
            "revoked" if key.revoked_at else "active",
            f"{key.created_at:%Y-%m-%d %H:%M}",
            key.friendly_name,
        )
        for key in keys
    )
    of = f"--account {account}" if account else "--operator"
    screen.table(_COLUMNS, rows, empty=f"There is no key. Make one: dayfile keys create {of}")


@app.command("revoke")
def revoke(
    ctx: typer.Context,
    *,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key sid, SK…", show_default=False)],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key. Servers refuse it at once for records and changes, and within 3 seconds for everything else."""
    sid = parse_key_sid(key)
    with instance.opened(screen_of(ctx)) as service:
        with service.database.snapshot() as tx:
            found = tx.keys.get(sid)
        if found.revoked_at is None:
            named = f" ({found.friendly_name})" if found.friendly_name else ""
            confirm(screen_of(ctx), f"Revoke {sid} of {found.account or 'the operator'}{named}", yes=yes)
        service.administration.revoke_key(sid)
        with service.database.snapshot() as tx:
            revoked = tx.keys.get(sid)
    if as_json:
        screen_of(ctx).json(_as_json(revoked))
    else:
        screen_of(ctx).note(f"Revoked {sid}.")


def _may_do(key: ApiKey) -> str:
    if key.kind in {KeyKind.MAIN, KeyKind.STANDARD}:
        return "everything" if key.kind is KeyKind.MAIN else "everything but manage keys"
    return " ".join(sorted(one.value for one in (key.scopes or key.permissions)))


def _as_json(key: ApiKey) -> dict[str, object]:
    return {
        "sid": key.sid,
        "account_sid": key.account,
        "kind": key.kind.value,
        "scopes": sorted(scope.value for scope in key.scopes),
        "permissions": sorted(permission.value for permission in permissions_of(key)),
        "friendly_name": key.friendly_name,
        "date_created": f"{key.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "date_revoked": f"{key.revoked_at:%Y-%m-%dT%H:%M:%SZ}" if key.revoked_at else None,
    }
