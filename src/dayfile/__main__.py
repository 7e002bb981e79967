"""The start of `dayfile` and of `python -m dayfile`."""

from __future__ import annotations

import gc
import sys
import traceback
from typing import Final

from dayfile.cli.controls import plain_lines
from dayfile.cli.exit_codes import Outcome

_OBJECTS_OF_A_START: Final = 100_000
"""New objects that the garbage collector waits for while modules are loaded: nearly all of them stay, and looking for
those that do not took a fifth of the time in which a command starts. `Service` lowers it."""


def main() -> None:
    """Run the command line; ends the process with an exit code.

    Errors that can happen end as a message (`cli/app.py`). What is left is a bug, and whoever meets it should know.
    """
    gc.set_threshold(_OBJECTS_OF_A_START)
    try:
        from dayfile.cli.app import app

        app(prog_name="dayfile")
    except Exception:  # noqa: BLE001 - the last resort
        sys.stderr.write(plain_lines(traceback.format_exc()))
        sys.stderr.write("\nThis is a bug in Dayfile. Please report it with the lines above and your command.\n")
        sys.exit(Outcome.FAILED)


if __name__ == "__main__":
    main()
