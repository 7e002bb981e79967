"""The storages that URLs name. Apart, because it is the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dayfile.errors import Unusable
from dayfile.files.storage import LocalStorage, Storage
from dayfile.files.storage_url import StorageUrl


def open_storage(
    url: StorageUrl,
    *,
    ca_file: Path | None,
    public_url: str | None,
    headers_of: Callable[[str], Mapping[str, str]],
    makes_folder: bool,
) -> Storage:
    """Return the storage at a URL; raises Unusable, with what to do. A store is asked nothing yet.

    `public_url` is what those call the store who get links to objects, and `headers_of` what it says to them of the
    object of a key. A folder is made if it is missing and `makes_folder` says so.
    """
    if url.folder is not None:
        return LocalStorage.open(url.folder) if makes_folder else LocalStorage(url.folder)
    try:
        from dayfile.files.cloud_storage import CloudPlace, CloudStorage
    except ImportError as error:
        raise Unusable(
            f"{url.text} is in an object store, and this installation lacks what object stores need: "
            "run `pip install 'dayfile[cloud]'`"
        ) from error
    return CloudStorage(CloudPlace(url=url, ca_file=ca_file, public_url=public_url, headers_of=headers_of))
