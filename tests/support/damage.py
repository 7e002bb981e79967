"""Ways to damage an instance: bytes that change, files that are cut off, gone or swapped."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path, at: int | None = None) -> bytes:
    """Change one byte of a file, in its middle unless told where; the bytes that it had."""
    was = path.read_bytes()
    at = len(was) // 2 if at is None else at
    path.write_bytes(was[:at] + bytes([was[at] ^ 0x10]) + was[at + 1 :])
    return was


def cut(path: Path) -> bytes:
    """Cut off the second half of a file; the bytes that it had."""
    was = path.read_bytes()
    path.write_bytes(was[: len(was) // 2])
    return was


def remove(path: Path) -> bytes:
    """Remove a file; the bytes that it had."""
    was = path.read_bytes()
    path.unlink()
    return was


def swap(path: Path, other: Path) -> tuple[bytes, bytes]:
    """Let each of two files have the bytes of the other; those that they had."""
    was = path.read_bytes(), other.read_bytes()
    path.write_bytes(was[1])
    other.write_bytes(was[0])
    return was
