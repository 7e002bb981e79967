"""The operator's commands that back an instance up, and restore one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayfile import __version__
from dayfile.cli import instance
from dayfile.cli.clock import tell_doubt
from dayfile.cli.exit_codes import Outcome
from dayfile.cli.operator import operator_here
from dayfile.cli.options import JsonOption, screen_of
from dayfile.cli.terminal import Screen
from dayfile.errors import DayfileError, Unusable
from dayfile.model.quantity import count_text, size_text

if TYPE_CHECKING:
    from dayfile.cli.terminal import Bar
    from dayfile.files.backup_manifest import BackupManifest
    from dayfile.files.storage import Storage
    from dayfile.objects.backup import MadeBackup
    from dayfile.objects.restore import Restore, Restored
    from dayfile.service import Service
    from dayfile.settings import Settings

_SHOWN = 10
_NEXT = (
    "Next: run `dayfile check --deep`, start the server, and have sent again what was accepted after {}: what is there "
    "already changes nothing. Webhooks that were told after that may be told again."
)

ToArgument = Annotated[
    str,
    typer.Argument(
        metavar="TO",
        help="A folder for backups of this instance only, or a bucket: s3://BUCKET/PREFIX.",
        show_default=False,
    ),
]
FromArgument = Annotated[
    str,
    typer.Argument(metavar="FROM", help="The folder or bucket that `dayfile backup` was given.", show_default=False),
]
WithKeyOption = Annotated[
    bool, typer.Option("--with-key", help="Also copy the secret key: whoever has the backup can then read all secrets.")
]
BesideOption = Annotated[
    bool,
    typer.Option("--beside-other-objects", help="Restore into an object storage that has other objects; they stay."),
]
DamageOption = Annotated[
    bool, typer.Option("--despite-damage", help="Do without objects that are missing or damaged in the backup.")
]


def backup(ctx: typer.Context, to: ToArgument, *, with_key: WithKeyOption = False, as_json: JsonOption = False) -> None:
    """Back up the instance, which may be in use: the database first, then the objects that it refers to.

    TO always has one whole backup: the last one, until this one is whole. Only what is not there yet is copied, and
    what no backup needs any more is deleted there. Nothing is deleted from the instance meanwhile. Exit code 1 if the
    backup is whole and something in it is damaged, as it was in the instance.
    """
    from dayfile.objects.backup_target import BackupTarget

    screen = screen_of(ctx)
    with instance.opened(screen) as service:
        storage = _storage_at(to, service.settings, makes_folder=True)
        BackupTarget(storage).check_place()
        way_out = f"The last whole backup in {to}, if there is one, can be restored. Run the command again to go on."
        try:
            with screen.when_stopped(f"Stopped. {way_out}"):
                made = _make(screen, service, storage, with_key=with_key)
        except DayfileError as error:
            error.add_note(way_out)
            raise
    manifest = made.manifest
    size_bytes = manifest.size_bytes + manifest.database.size_bytes
    if as_json:
        screen.json(_as_json(made))
    else:
        objects = f"{count_text(manifest.objects, 'object')}, {size_text(size_bytes)}"
        copied = f"{count_text(made.copied, 'object')} copied now"
        screen.line(f"The backup of {manifest.made_at} is whole: the database and {objects}; {copied}.")
    _warn_of_open(screen, storage)
    if made.is_first:
        screen.note("It is the first one in that place.")  # a disk that is not mounted looks like a new place
    if manifest.key is None:
        screen.note(
            "The secret key is not part of it, and nothing can be restored without it: keep secret.key, or "
            "DAYFILE_SECRET_KEY, in another place."
        )
    _name(screen, manifest.damaged, "was copied as it is, damaged")
    _name(screen, manifest.missing, "is missing from the storage, and from the backup")
    if manifest.damaged or manifest.missing:
        raise typer.Exit(Outcome.FAILED)


def restore(
    ctx: typer.Context,
    source: FromArgument,
    *,
    beside_other_objects: BesideOption = False,
    despite_damage: DamageOption = False,
    as_json: JsonOption = False,
) -> None:
    """Restore the last whole backup to the place that the settings name, where there must be no instance.

    Every object is compared with its hash as it is copied, and the database comes last: what is interrupted makes no
    instance, and goes on where it was when it is run again. The key comes from DAYFILE_SECRET_KEY, from the data
    folder, or from a backup made --with-key. Exit code 1 if something in the backup is damaged.
    """
    from dayfile.files.scratch import scratch_folder
    from dayfile.objects.backup_target import BackupTarget
    from dayfile.objects.restore import Restore
    from dayfile.opening import place_key, storage_of
    from dayfile.service import SystemRandomness

    screen = screen_of(ctx)
    settings = instance.read_settings(screen)
    target = BackupTarget(_storage_at(source, settings, makes_folder=False))
    one = Restore(target, storage_of(settings, makes_folder=False), settings.database)
    manifest = _manifest_in(source, one)
    if not beside_other_objects:
        one.check_place(manifest)
    randomness = SystemRandomness()
    place_key(settings, check_value=manifest.key_check, kept=lambda: target.key_text(manifest), randomness=randomness)
    storage_of(settings, makes_folder=True)  # not before: what is refused makes nothing
    with (
        screen.when_stopped("Stopped. Run the command again to go on."),
        scratch_folder(settings.scratch, randomness.hex(32)) as scratch,
        screen.counting("Restoring", None) as bar,
    ):
        restored = one.run(manifest, scratch, despite_damage=despite_damage, on_step=steps_on(bar))
    _tell_restored(screen, settings, restored, made_at=manifest.made_at, as_json=as_json)


def _manifest_in(source: str, one: Restore) -> BackupManifest:
    try:
        return one.manifest()
    except Unusable as error:
        place = source if "://" in source else Path(source).absolute()
        error.add_note(f"The backup was looked for in {place}.")
        raise


def _tell_restored(screen: Screen, settings: Settings, restored: Restored, *, made_at: str, as_json: bool) -> None:
    if as_json:
        screen.json({"made_at": made_at, "place": settings.place, **asdict(restored)})
    else:
        screen.line(f"Restored the backup of {made_at} to {settings.place}: {_whole(restored)}.")
    _name(screen, restored.damaged, "is damaged, or missing, in the backup")
    tell_doubt(screen, settings)
    screen.note(_NEXT.format(made_at))
    if restored.damaged:
        raise typer.Exit(Outcome.FAILED)


def _make(screen: Screen, service: Service, storage: Storage, *, with_key: bool) -> MadeBackup:
    from dayfile.files.scratch import scratch_folder
    from dayfile.objects.backup import Backup
    from dayfile.objects.backup_target import BackupTarget
    from dayfile.opening import key_text
    from dayfile.store.backups import LEASE
    from dayfile.work.lease import KeptLease

    key = key_text(service.settings) if with_key else None
    with scratch_folder(_scratch_of(storage, service.settings), service.randomness.hex(32)) as scratch:
        one = Backup(
            service.database,
            service.storage,
            BackupTarget(storage),
            clock=service.clock,
            randomness=service.randomness,
            scratch=scratch,
            version=__version__,
        )
        one.claim()
        try:
            with (
                KeptLease(one.extend, lease=LEASE, clock=service.clock),
                screen.counting("Backing up", None) as bar,
            ):
                return one.run(key_text=key, actor=operator_here(), on_step=steps_on(bar))
        finally:
            one.end()


def _whole(restored: Restored) -> str:
    return f"the database and {count_text(restored.objects, 'object')}, {size_text(restored.size_bytes)}"


def _as_json(made: MadeBackup) -> dict[str, object]:
    manifest = made.manifest
    return {
        "made_at": manifest.made_at,
        "instance": manifest.instance,
        "objects": manifest.objects,
        "size_bytes": manifest.size_bytes + manifest.database.size_bytes,
        "copied": made.copied,
        "copied_bytes": made.copied_bytes,
        "deleted": made.deleted,
        "is_first": made.is_first,
        "has_key": manifest.key is not None,
        "damaged": manifest.damaged,
        "missing": manifest.missing,
    }


def _storage_at(place: str, settings: Settings, *, makes_folder: bool) -> Storage:
    from dayfile.opening import storage_at

    if not place.strip():  # it would be the working folder
        raise Unusable("the place of the backup is empty: name a folder or a bucket, such as s3://BUCKET/PREFIX")
    try:
        return storage_at(place, settings, makes_folder=makes_folder)
    except Unusable as error:
        raise Unusable(f"{place} cannot be the place of a backup: {error}") from error


def _scratch_of(storage: Storage, settings: Settings) -> Path:
    """Return where the database is copied to first: beside the backups, unless they are on another machine."""
    from dayfile.files.storage import LocalStorage

    return storage.root / ".scratch" if isinstance(storage, LocalStorage) else settings.scratch


def steps_on(bar: Bar) -> Callable[[str, int, int], None]:
    """Return the function that shows on a bar how far something is."""

    def show(text: str, done: int, whole: int) -> None:
        bar.describe(text)
        bar.reach(done, whole)

    return show


def _warn_of_open(screen: Screen, storage: Storage) -> None:
    from dayfile.files.private import is_open
    from dayfile.files.storage import LocalStorage

    if isinstance(storage, LocalStorage) and is_open(storage.root):
        screen.warn(f"{storage.root} is open to other users of this machine: set it to 0700")


def _name(screen: Screen, keys: Sequence[str], what: str) -> None:
    for key in keys[:_SHOWN]:
        screen.warn(f"{key}: {what}")
    if len(keys) > _SHOWN:
        screen.warn(f"and {len(keys) - _SHOWN} more: `--json` lists them all")
