"""The stages of a connection, which decide its limits."""

from __future__ import annotations

from enum import IntEnum, auto


class Stage(IntEnum):
    """The stage of a connection's current request. A number, as one is looked up several times for each request."""

    HEAD = auto()  # no request yet, or a head that is not complete
    BODY = auto()  # a body that is not complete, of a sender who is not authorized
    UPLOAD = auto()  # a body that is not complete, of an authorized sender
    WORK = auto()  # a request that is being answered
    IDLE = auto()  # answered; another request may come
    LINGER = auto()  # answered for the last time; what still comes is dropped
    CLOSING = auto()  # closed as soon as everything is sent
    CLOSED = auto()
