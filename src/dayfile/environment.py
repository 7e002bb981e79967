"""Names of settings in the environment and in the file `.env`: those that are known, and those that are mistakes.

A misspelled name would be ignored without a word, and a server would start where nobody expects it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from dayfile.errors import Unusable

PREFIX: Final = "DAYFILE_"
FILE: Final = Path(".env")

CUSTOMER_NAMES: Final = ("DAYFILE_URL", "DAYFILE_ACCOUNT_SID", "DAYFILE_AUTH_TOKEN")
"""The names that customer's commands read; the operator's are those of `settings.Settings`."""

_CLOSE: Final = 0.72  # of the letters, as difflib counts: two that changed places in a short name are so close
_OF_SERVICES: Final = re.compile(
    r"DAYFILE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)"
)
_ADDRESS_OF_SERVICE: Final = re.compile(r"(tcp|udp|sctp)://.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names that begin with the prefix and are no settings."""

    mistakes: tuple[str, ...]  # sentences, to be told as errors
    strange: tuple[str, ...]  # sentences, to be told as warnings


def is_of_a_service(name: str, value: str) -> bool:
    """Tell if Kubernetes, or a link of containers, has set the variable for a Service whose name begins with dayfile.

    It sets DAYFILE_PORT, too, to something like tcp://10.0.0.7:8080.
    """
    name = name.upper()
    if not name.startswith(PREFIX):
        return False
    return bool(_OF_SERVICES.fullmatch(name)) or (name.endswith("_PORT") and bool(_ADDRESS_OF_SERVICE.match(value)))


def read_file(path: Path | None) -> dict[str, str]:
    """Read the settings in a file such as `.env`; none if it is not there. Raises Unusable if it cannot be read."""
    try:
        if path is None or not path.is_file():
            return {}
        found = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(
            f"the file {path} of the folder {Path.cwd()} cannot be read as settings: {error}. Make it readable for "
            "this user, or run the command in another folder"
        ) from error
    return {name.upper(): value or "" for name, value in found.items() if name.upper().startswith(PREFIX)}


def look_at_names(known: Collection[str], *, file: Path | None) -> Names:
    """Look for names that begin with the prefix and are not `known`, in the environment and in a file.

    In the file each of them is a mistake; in the environment, one that is close to a known one.
    """
    mistakes = [f"{name} in {file}: {_unknown(name, known)}" for name in sorted(read_file(file).keys() - known)]
    strange = []
    for name in sorted(_strangers(os.environ, known)):
        if _closest(name, known):
            mistakes.append(f"{name}: {_unknown(name, known)}")
        else:
            strange.append(f"{name} in the environment is no setting of Dayfile, and does nothing")
    if "DAYFILE_PORT" in os.environ and is_of_a_service("DAYFILE_PORT", os.environ["DAYFILE_PORT"]):
        strange.append(
            "DAYFILE_PORT was set by Kubernetes for a Service, and is ignored: set enableServiceLinks to false in the "
            "pod, or give the Service another name"
        )
    return Names(mistakes=tuple(mistakes), strange=tuple(strange))


def _strangers(variables: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    for name, value in variables.items():
        if name.upper().startswith(PREFIX) and name.upper() not in known and not is_of_a_service(name, value):
            yield name


def _unknown(name: str, known: Collection[str]) -> str:
    close = _closest(name, known)
    return f"there is no such setting, did you mean {close}?" if close else "there is no such setting"


def _closest(name: str, known: Collection[str]) -> str | None:
    rests = {one.removeprefix(PREFIX): one for one in known}
    found = difflib.get_close_matches(name.upper().removeprefix(PREFIX), rests, n=1, cutoff=_CLOSE)
    return rests[found[0]] if found else None
