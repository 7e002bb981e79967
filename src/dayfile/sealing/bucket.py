"""A bucket: the lines of a short range of ranks, collected in any order and returned in rank order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dayfile.errors import Corrupt
from dayfile.files import disk

LINES: Final = pa.schema([("rank", pa.int64()), ("line", pa.binary())])
"""Schema of the record batches that a bucket collects."""


class Bucket:
    """The lines of the ranks from `start` up to, not including, `stop`; in memory until they are spilled to files."""

    def __init__(self, start: int, stop: int, *, path: Path) -> None:
        self.start = start
        self.stop = stop
        self.held_bytes = 0
        self._path = path
        self._files = 0
        self._held: list[Any] = []

    def add(self, lines: Any, *, size_bytes: int) -> None:
        """Add some of the bucket's lines; `size_bytes` is their approximate size."""
        self._held.append(lines)
        self.held_bytes += size_bytes

    def spill(self) -> None:
        """Move the lines held in memory to a file; raises StorageUnavailable."""
        if not self._held:
            return
        lines, self._held, self.held_bytes = pa.Table.from_batches(self._held), [], 0
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with (
            disk.reported("write to the scratch folder"),
            pa.OSFile(self._file(self._files), "wb") as file,
            pa.ipc.new_stream(file, LINES, options=options) as writer,
        ):
            writer.write_table(lines.combine_chunks())
        self._files += 1

    def pour(self) -> memoryview:
        """Return the text of all lines in rank order and empty the bucket; raises Corrupt if a line is missing."""
        lines, order = self._load()
        _, offsets, text = lines.take(order).buffers()
        return memoryview(text)[: memoryview(offsets).cast("i")[len(order)]]

    def _load(self) -> tuple[Any, Any]:
        """Return all lines in order of arrival, and for each rank the index of its line."""
        batches, self._held, self.held_bytes = self._held, [], 0
        for number in range(self._files):
            with disk.reported("read from the scratch folder"), pa.OSFile(self._file(number), "rb") as file:
                batches += pa.ipc.open_stream(file)
            Path(self._file(number)).unlink()
        lines = pa.Table.from_batches(batches, LINES).combine_chunks()
        ranks, text = (lines[name].chunk(0) for name in LINES.names)
        try:
            order = pc.inverse_permutation(pc.subtract(ranks, pa.scalar(self.start, pa.int64())))
        except pa.ArrowIndexError:
            order = pa.nulls(0)
        if len(order) != self.stop - self.start or order.null_count:
            raise Corrupt("a segment changed while it was being sealed")
        return text, order

    def _file(self, number: int) -> str:
        return f"{self._path}.{number}"
