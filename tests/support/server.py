"""The real app in a real server, on a free port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from dayfile.web.client_address import TrustedProxies
from dayfile.web.limits import Limits
from dayfile.web.protocol import bounded_http


@contextmanager
def serving(
    make_app: Callable[[str], ASGIApp],
    *,
    limits: Limits | None = None,
    proxies: TrustedProxies | None = None,
) -> Iterator[str]:
    """Serve the app that `make_app` makes for its public address, in a thread; the address, without a slash."""
    # The port is taken and listened on before anything is started: whoever connects is only kept waiting.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            make_app(url),
            http=bounded_http(limits, proxies=proxies),  # type: ignore[arg-type]  # a factory is as good as a class
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # as in the product: the app itself reads what proxies say
            lifespan="off",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="server")
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()
