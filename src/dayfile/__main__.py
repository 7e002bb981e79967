"""Where `dayfile` and `python -m dayfile` begin."""

from __future__ import annotations

from dayfile.cli.app import app


def main() -> None:
    """Run the command line; ends the process with an exit code."""
    app(prog_name="dayfile")


if __name__ == "__main__":
    main()
