"""The common frame of all pages for browsers: layout, styles, and the Content Security Policy.

Each page is self-contained: it loads nothing from anywhere else, and the policy forbids it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

_TEMPLATES: Final = Path(__file__).with_name("templates")
_NOBODY: Final = "'none'"
_SELF: Final = "'self'"


class Sheet:
    """One page: a template in the frame, with its own styles and scripts beside those of the frame."""

    def __init__(
        self,
        templates: Path,
        template: str,
        *,
        styles: Sequence[str] = (),
        scripts: Sequence[str] = (),
        asks_again: bool = False,  # its script sends requests to this server
        has_forms: bool = False,  # that are sent to this server
        library: str | None = None,  # the path of a script file of this server
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
        self._library = library
        self._headers = {
            "Content-Security-Policy": _policy(
                self._style, self._script, asks_again=asks_again, has_forms=has_forms, has_library=library is not None
            ),
            # With no-referrer, browsers send forms with "Origin: null", which the cross-site check refuses.
            "Referrer-Policy": "same-origin" if has_forms else "no-referrer",
        }

    def answer(self, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object) -> HTMLResponse:
        """Return the page, rendered with these values."""
        text = self._template.render(style=self._style, script=self._script, library=self._library, **values)
        return HTMLResponse(text, status_code=status, headers=self._headers | dict(headers or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A page with its values, to be rendered once nothing is read any more."""

    sheet: Sheet
    status: int
    headers: Mapping[str, str]
    values: Mapping[str, object]

    def answer(self) -> HTMLResponse:
        """Return the page, rendered."""
        return self.sheet.answer(status=self.status, headers=self.headers, **self.values)


def _joined(environment: Environment, names: Sequence[str]) -> str:
    return "".join(environment.get_template(name).render() for name in names)


def _policy(style: str, script: str, *, asks_again: bool, has_forms: bool, has_library: bool) -> str:
    """Return the Content-Security-Policy: inline style and script by hash, requests to this server only if needed."""
    scripts, asked = _hash(script) if script else _NOBODY, _SELF if asks_again else _NOBODY
    if has_library:
        scripts = f"{_SELF} {scripts}"  # no answer of this server is sniffed, so only what is a script runs as one
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {scripts}; connect-src {asked}; img-src data:; "
        f"base-uri 'none'; form-action {_SELF if has_forms else _NOBODY}; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
