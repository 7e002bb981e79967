"""The customer's commands about daily exports: on or off, and their webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dayfile.cli.account_view import AccountOption, seen_by
from dayfile.cli.command_group import Family
from dayfile.cli.options import JsonOption, Password, TypeArgument, Url, Username, read_method, screen_of
from dayfile.cli.remote import server_at
from dayfile.cli.terminal import Screen
from dayfile.model.resource import ResourceType

if TYPE_CHECKING:
    from dayfile.client.answers import RemoteConfiguration

app = Family(help="Daily exports: have every day exported automatically, and be told.")

MethodOption = Annotated[
    str | None,
    typer.Option(
        "--webhook-method",
        metavar="METHOD",
        help="Method of that webhook: GET or POST; POST unless given.",
        parser=read_method,
    ),
]


@app.command("show")
def show(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    account: AccountOption = None,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Show whether daily exports of a resource type are enabled, and their webhook.

    With --account, the operator sees the settings of any account on the instance.
    """
    screen = screen_of(ctx)
    with seen_by(screen, account, login=(url, account_sid, auth_token)) as server:
        configuration = server.configuration(resource_type)
    _show(screen, resource_type, configuration, as_json=as_json)


@app.command("set")
def set_configuration(
    ctx: typer.Context,
    *,
    resource_type: TypeArgument,
    enabled: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Export every day automatically from today on, or stop it."),
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option("--webhook-url", metavar="URL", help="URL to call when a day is published.")
    ] = None,
    webhook_method: MethodOption = None,
    no_webhook: Annotated[bool, typer.Option("--no-webhook", help="Remove the webhook.")] = False,
    as_json: JsonOption = False,
    url: Url = None,
    account_sid: Username = None,
    auth_token: Password = None,
) -> None:
    """Change the given settings, and leave the others unchanged."""
    if no_webhook:
        if webhook_url or webhook_method:
            raise typer.BadParameter("--no-webhook does not go together with --webhook-url or --webhook-method")
        webhook_url = webhook_method = ""
    elif webhook_url:
        webhook_method = webhook_method or "POST"
    else:
        webhook_url = None  # an empty one changes nothing
    if enabled is None and webhook_url is None and not webhook_method:
        raise typer.BadParameter("nothing to change: give --enable, --disable, --webhook-url or --no-webhook")
    with server_at(url, account_sid, auth_token) as server:
        configuration = server.configure(
            resource_type, enabled=enabled, webhook_url=webhook_url, webhook_method=webhook_method
        )
    _show(screen_of(ctx), resource_type, configuration, as_json=as_json)


def _show(screen: Screen, resource_type: ResourceType, configuration: RemoteConfiguration, *, as_json: bool) -> None:
    if as_json:
        screen.json(configuration.answer)
        return
    told = [configuration.webhook_method, configuration.webhook_url]
    screen.facts(
        {
            f"Every day of {resource_type}": "is exported automatically"
            if configuration.enabled
            else "is not exported",
            "Webhook": " ".join(text for text in told if text) or "none",
        }
    )
