"""Reads camt messages in windows of any size, as columns or entry by entry, for comparison."""

from __future__ import annotations

from parsers.byte_source import BytesSource
from parsers.camt053 import read_windows
from parsers.collector import FileCollector
from parsers.read_options import ReadOptions

TABLES = ("payments", "remittances", "advices", "control_checks", "diagnostics")


class RepeatedSource:
    """A long file that is never in memory: a head, one block many times, a tail."""

    def __init__(self, head, block, times, tail):
        self._head, self._block, self._tail = head, block, tail
        self._middle = len(block) * times
        self.size = len(head) + self._middle + len(tail)

    def read(self, start, stop):
        found = []
        at, stop = max(start, 0), min(stop, self.size)
        while at < stop:
            piece = self._piece(at, stop)
            found.append(piece)
            at += len(piece)
        return b"".join(found)

    def _piece(self, start, stop):
        head = len(self._head)
        if start < head:
            return self._head[start:stop]
        if start < head + self._middle:
            within = (start - head) % len(self._block)
            size = min(stop, head + self._middle) - start
            return self._block[within : within + size]
        return self._tail[start - head - self._middle : stop - head - self._middle]


def read_all(content, *, window_bytes=1 << 20, with_columns=True, options=None):
    """All a camt file gives, as plain rows by table, with what its end tells."""
    source = BytesSource(content) if isinstance(content, bytes) else content
    collector = FileCollector(source, "bank.xml")
    steps = read_windows(
        source, collector, options or ReadOptions(), window_bytes, with_columns=with_columns
    )
    for _ in steps:
        pass
    part, end = collector.drain(), collector.end()
    rows = {name: getattr(part, name).record_batch.to_pylist() for name in TABLES}
    return rows | {"counted": end.counted_rows, "held": end.held_codes, "end": end}
