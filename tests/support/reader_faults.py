"""Processes of a reading pool that end where a test wants it: what `serve_reader` does, up to a step."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import struct
from multiprocessing.connection import Connection

from dayfile.intake.chunk_reading import read_chunk
from dayfile.intake.reader import serve_reader


def ends_at_once(connection: Connection) -> None:
    """End before it says that it is ready."""
    _kill_itself()


def ends_when_ready(connection: Connection) -> None:
    """End after it says that it is ready, without a chunk."""
    connection.send("ready")
    _kill_itself()


def ends_while_it_receives(connection: Connection) -> None:
    """End with the beginning of a chunk received, while the rest is being sent."""
    connection.send("ready")
    os.read(connection.fileno(), 1)
    _kill_itself()


def ends_while_it_reads(connection: Connection) -> None:
    """End with a chunk received and nothing sent."""
    connection.send("ready")
    connection.recv()
    _kill_itself()


def ends_while_it_answers(connection: Connection) -> None:
    """End in the middle of its answer."""
    connection.send("ready")
    answer = pickle.dumps(read_chunk(connection.recv()))
    os.write(connection.fileno(), struct.pack("!i", len(answer)) + answer[: len(answer) // 2])
    _kill_itself()


def ends_after_its_answer(connection: Connection) -> None:
    """End when its first chunk is answered."""
    connection.send("ready")
    connection.send(read_chunk(connection.recv()))
    _kill_itself()


def has_no_memory(connection: Connection) -> None:
    """End when there is no memory for what it does, if not before."""
    resource.setrlimit(resource.RLIMIT_AS, (1, 1))
    serve_reader(connection)


def must_not_start(connection: Connection) -> None:
    """Fail: it is a mistake that there is such a process."""
    raise NotImplementedError


def never_starts(connection: Connection) -> None:
    """Wait until the parent ends it; it never says that it is ready."""
    signal.pause()


FAULTS = (
    ends_at_once,
    ends_when_ready,
    ends_while_it_receives,
    ends_while_it_reads,
    ends_while_it_answers,
    ends_after_its_answer,
    has_no_memory,
)


def _kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
