"""The start of `dayfile` and of `python -m dayfile`."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
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
        with _ctrl_c_ending_at_once():
            from dayfile.cli.app import app
        app(prog_name="dayfile")
    except KeyboardInterrupt:
        sys.exit(Outcome.INTERRUPTED)
    except Exception:  # noqa: BLE001 - the last resort
        sys.stderr.write(plain_lines(traceback.format_exc()))
        sys.stderr.write("\nThis is a bug in Dayfile. Please report it with the lines above and your command.\n")
        sys.exit(Outcome.FAILED)
    finally:
        _ctrl_c_ends_at_once()


@contextmanager
def _ctrl_c_ending_at_once() -> Iterator[None]:
    """Have Ctrl-C end the process while the block runs, as SIGTERM does: it would show where the import was."""
    before = _ctrl_c_ends_at_once()
    yield
    signal.signal(signal.SIGINT, before)


def _ctrl_c_ends_at_once() -> signal.Handlers | Callable[[int, FrameType | None], object] | int | None:
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # somebody may have it ignored, and so it stays
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return before


if __name__ == "__main__":
    main()
