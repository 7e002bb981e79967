"""The socket that the server listens on, and explanations of why it cannot.

Apart, because why a socket cannot be had is a subject of its own.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from dayfile.errors import Unusable

_REASONS: Final[dict[int, str]] = {
    errno.EADDRINUSE: "another process listens there. Stop it, or choose another port with --port or DAYFILE_PORT "
    "(0 picks a free one)",
    errno.EACCES: "this user may not listen there: ports below 1024 need privileges. Choose one above",
    errno.EADDRNOTAVAIL: "this machine has no such address. Choose one of its own with --host or DAYFILE_HOST "
    "(0.0.0.0 stands for all)",
}


def listen(host: str, port: int, *, backlog: int = 1024) -> socket.socket:
    """Return a listening socket; up to `backlog` connections wait to be accepted.

    Raises Unusable, which says what to do.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise Unusable(f"cannot listen on {host!r}: it is no address of this machine (DAYFILE_HOST)") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=backlog)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise Unusable(f"cannot listen on {host}:{port}: {reason}") from error
