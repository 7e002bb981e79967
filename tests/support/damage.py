"""Ways to damage an instance: bytes that change, files that are cut off, gone or swapped."""

from __future__ import annotations

from pathlib import Path

from tests.support.stored_file import StoredFile

Target = Path | StoredFile


def flip(path: Target, at: int | None = None) -> bytes:
    """Change one byte of a file, in its middle unless told where; the bytes that it had."""
    was = path.read_bytes()
    at = len(was) // 2 if at is None else at
    path.write_bytes(was[:at] + bytes([was[at] ^ 0x10]) + was[at + 1 :])
    return was


def cut(path: Target) -> bytes:
    """Cut off the second half of a file; the bytes that it had."""
    was = path.read_bytes()
    path.write_bytes(was[: len(was) // 2])
    return was


def remove(path: Target) -> bytes:
    """Remove a file; the bytes that it had."""
    was = path.read_bytes()
    path.unlink()
    return was


def swap(path: Target, other: Target) -> tuple[bytes, bytes]:
    """Let each of two files have the bytes of the other; those that they had."""
    was = path.read_bytes(), other.read_bytes()
    path.write_bytes(was[1])
    other.write_bytes(was[0])
    return was
