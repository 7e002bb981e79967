"""What all pages for browsers share: the frame around them, their look, and what the browser may do for them.

Everything is in the one answer: no file of another place is asked for, and none would be let in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

_TEMPLATES: Final = Path(__file__).with_name("templates")
_NOBODY: Final = "'none'"
_SELF: Final = "'self'"


class Sheet:
    """One page: a template that fills the frame, with the styles and scripts that it needs beside the frame's own."""

    def __init__(
        self,
        templates: Path,
        template: str,
        *,
        styles: Sequence[str] = (),
        scripts: Sequence[str] = (),
        asks_again: bool = False,  # whether its script asks this server for anything
        has_forms: bool = False,  # which this server is to be sent
        filters: Mapping[str, Callable[..., object]] | None = None,
    ) -> None:
        environment = Environment(
            loader=FileSystemLoader([templates, _TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= filters or {}
        self._template = environment.get_template(template)
        self._style = _joined(environment, ("frame.css", *styles))
        self._script = _joined(environment, scripts)
        self._headers = {
            "Content-Security-Policy": _policy(self._style, self._script, asks_again=asks_again, has_forms=has_forms),
            # With no-referrer a browser says that a form comes from the origin null, which may write nowhere.
            "Referrer-Policy": "same-origin" if has_forms else "no-referrer",
        }

    def answer(self, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object) -> HTMLResponse:
        """The page with these values."""
        text = self._template.render(style=self._style, script=self._script, **values)
        return HTMLResponse(text, status_code=status, headers=self._headers | dict(headers or {}))


def _joined(environment: Environment, names: Sequence[str]) -> str:
    return "".join(environment.get_template(name).render() for name in names)


def _policy(style: str, script: str, *, asks_again: bool, has_forms: bool) -> str:
    """What the browser may do for a page: run and apply what is in it, perhaps ask this server, and nothing else."""
    scripts, asked = _hash(script) if script else _NOBODY, _SELF if asks_again else _NOBODY
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {scripts}; connect-src {asked}; img-src data:; "
        f"base-uri 'none'; form-action {_SELF if has_forms else _NOBODY}; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
