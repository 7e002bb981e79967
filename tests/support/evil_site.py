"""Another site, whose pages send what they like to a server that they are not of."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAIN, ENCODED = "text/plain", "application/x-www-form-urlencoded"


class EvilSite:
    """A real server for pages that the test writes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.page = ""  # the one page, at every path

    def has_form(self, target: str, fields: Mapping[str, str], *, kind: str) -> None:
        """Let the page be a form that sends itself."""
        inputs = "".join(
            f"<input name='{html.escape(name)}' value='{html.escape(value)}'>" for name, value in fields.items()
        )
        self.page = (
            f"<form method=post enctype='{kind}' action='{html.escape(target)}'>{inputs}</form>"
            "<script>document.forms[0].submit()</script>"
        )

    def has_script(self, target: str, body: str, *, as_blob: bool) -> None:
        """Let the page send a body in no-cors mode, as text or as a Blob without a type."""
        given = json.dumps(body)
        sent = f"new Blob([{given}])" if as_blob else given
        options = f"{{method: 'POST', mode: 'no-cors', credentials: 'include', body: {sent}}}"
        self.page = f"<script>fetch({json.dumps(target)}, {options})</script>"


@contextmanager
def an_evil_site() -> Iterator[EvilSite]:
    """Serve it on a free port of this machine."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = site.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        site = EvilSite(server.server_port)
        thread = threading.Thread(target=server.serve_forever, name="evil site")
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
