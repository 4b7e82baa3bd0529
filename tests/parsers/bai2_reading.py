"""Reading BAI2 in tests: rows and lines of a parsed file as plain tuples."""

from __future__ import annotations

from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource


def read(content):
    source = BytesSource(content if isinstance(content, bytes) else content.encode())
    return parse_source(source, "t.bai", form="bai2")


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
    names = ("reference", "reference_kind", "amount_minor", "discount_minor", "deduction_minor")
    table = parsed.remittances.record_batch.select([*names, "deduction_reason"])
    return [tuple(row.values()) for row in table.to_pylist()]
