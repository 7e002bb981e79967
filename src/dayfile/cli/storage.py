"""The operator's command that tries the storage of the settings: a bucket before there is an instance, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import typer

from dayfile.cli import instance
from dayfile.cli.command_group import Family
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Column
from dayfile.clock import SystemClock
from dayfile.errors import Absent, StorageUnavailable

if TYPE_CHECKING:
    from dayfile.settings import Settings

app = Family(help="The object storage: whether it does what Dayfile needs.")

_SECONDS = 30.0


@app.command("test")
def try_storage(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Try everything that Dayfile needs of the object storage, on objects of its own, and say what is missing.

    It also warns of how a bucket is set up, as far as its store tells. A bucket can be tried before there is an
    instance. Exit code 1 if something is missing.
    """
    from dayfile.checks.bucket_setup import setup_of
    from dayfile.checks.storage_trial import StorageTrial, Verdict
    from dayfile.objects.layout import UNIQUE_DIGITS
    from dayfile.opening import storage_of
    from dayfile.service import SystemRandomness

    screen = screen_of(ctx)
    settings = instance.read_settings(screen)
    folder = settings.storage.folder
    if folder is not None and not folder.is_dir():
        raise Absent(
            f"there is no instance in {settings.place}, and no folder {folder} to try: `dayfile init` makes both. If "
            "yours is elsewhere, set DAYFILE_DATA_DIR, and DAYFILE_STORAGE_URL if its objects are apart"
        )
    fetch = _fetch_of(settings)
    unique = SystemRandomness().hex(UNIQUE_DIGITS)
    results = list(StorageTrial(storage_of(settings, makes_folder=False), unique=unique, fetch=fetch).run())
    is_missing = any(result.verdict is Verdict.MISSING for result in results)
    if folder is None and not is_missing:
        results += setup_of(_asks_of(settings, os.environ, fetch))
    if as_json:
        shown = [{"name": one.name, "verdict": one.verdict.value, "text": one.text} for one in results]
        screen.json({"storage_url": settings.storage.text, "results": shown})
    else:
        columns = (Column("TRIED"), Column("RESULT"), Column("WHAT", wraps=True))
        screen.table(columns, ((one.name, one.verdict.value, one.text) for one in results), empty="")
    if is_missing:
        screen.problem(f"{settings.storage.text} does not do what Dayfile needs")
        raise typer.Exit(Outcome.FAILED)


Fetch = Callable[[str], tuple[int, bytes]]


def _fetch_of(settings: Settings) -> Fetch:
    import ssl

    import httpx2

    from dayfile.delivery.transport import load_authorities

    context = ssl.create_default_context()
    if settings.ca_file is not None:
        load_authorities(context, settings.ca_file)

    def fetch(url: str) -> tuple[int, bytes]:
        try:
            answer = httpx2.get(url, timeout=_SECONDS, verify=context)
        except httpx2.HTTPError as error:
            raise StorageUnavailable(f"cannot fetch from the store: {error}") from error
        return answer.status_code, answer.content

    return fetch


def _asks_of(settings: Settings, environment: Mapping[str, str], fetch: Fetch) -> Fetch | None:
    """Return a function that asks how the bucket is set up; None where nothing could be signed for that."""
    from dayfile.files.s3_signature import S3Credentials, S3Request, bucket_url

    credentials = S3Credentials.of(environment)
    if credentials is None or settings.storage.scheme != "s3":
        return None
    url = bucket_url(settings.storage.bucket, environment, region=credentials.region)

    def ask(part: str) -> tuple[int, bytes]:
        request = S3Request(method="GET", url=url, query={part: ""})
        return fetch(request.signed(credentials, now=SystemClock().now()))

    return ask
