"""Reading MT94x in tests: rows and lines of a parsed file as plain values."""

from __future__ import annotations

from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.collector import FileCollector
from parsers.mt94x import read_mt94x_windows
from parsers.read_options import ReadOptions


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode()


def read(content, options=None):
    return parse_source(BytesSource(as_bytes(content)), "t.sta", options, form="mt94x")


def read_in_windows(content, window_bytes):
    """Everything the reader says when it reads so many bytes at a time."""
    source = BytesSource(as_bytes(content))
    collector = FileCollector(source, "t.sta")
    for _ in read_mt94x_windows(source, collector, ReadOptions(), window_bytes):
        pass
    part, end = collector.drain(), collector.end()
    return {
        "payments": part.payments.record_batch.to_pylist(),
        "remittances": part.remittances.record_batch.to_pylist(),
        "checks": part.control_checks.record_batch.to_pylist(),
        "diagnostics": part.diagnostics.record_batch.to_pylist(),
        "end": end,
    }


def rows(parsed, *names):
    table = parsed.payments.record_batch.select(list(names) or parsed.payments.SCHEMA.names)
    values = [tuple(row.values()) for row in table.to_pylist()]
    return [value[0] for value in values] if len(names) == 1 else values


def only(parsed):
    (row,) = parsed.payments.record_batch.to_pylist()
    return row


def codes(parsed):
    return parsed.diagnostics.strings("code")


def lines(parsed):
    table = parsed.remittances.record_batch.select(["reference", "reference_kind", "source"])
    return [tuple(row.values()) for row in table.to_pylist()]
