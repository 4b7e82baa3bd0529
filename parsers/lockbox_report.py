"""What the reader of a lockbox file says about it: every diagnostic with the field it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.bai2_records import readable

if TYPE_CHECKING:
    from parsers.collector import FileCollector
    from parsers.lockbox_layouts import Columns
    from parsers.lockbox_records import LinePlace

__all__ = ["LockboxReport"]


class LockboxReport:
    """Puts diagnostics, counts and held codes into the collector of a file."""

    def __init__(self, collector: FileCollector) -> None:
        """Speak to `collector`."""
        self._collector = collector

    def say(
        self,
        code: str,
        message: str,
        place: LinePlace,
        columns: Columns | None = None,
        *,
        expected: str = "",
    ) -> None:
        """Add a diagnostic about the field in `columns` of the record, or about all of it."""
        start, stop = columns or (0, len(place.text))
        self._collector.diagnose(
            code,
            readable(message),
            line=place.number,
            column=start + 1,
            offset=place.offset + start,
            value=readable(place.text[start:stop].rstrip(" ")),
            expected=readable(expected),
            excerpt=readable(place.text.rstrip(" ")),
        )

    def lost(
        self,
        code: str,
        message: str,
        place: LinePlace,
        columns: Columns | None = None,
        *,
        expected: str = "",
    ) -> None:
        """Say it, and hold every payment of the file."""
        self.say(code, message, place, columns, expected=expected)
        self._collector.hold_file("IN-TOTAL")

    def batch(self, account: str, number: str, date: str, currency: str, total_minor: int) -> None:
        """A batch was read to its end."""
        self._collector.statement(
            account=readable(account),
            statement_id=readable(number),
            date=date,
            currency=currency,
            total_minor=total_minor,
        )

    def count(self, reason: str, rows: int = 1) -> None:
        """Count rows that are no payments."""
        self._collector.count(reason, rows)

    def check(
        self, *, scope: str, kind: str, declared: object, computed: object, ok: bool, rule: str
    ) -> None:
        """Record a control total or count."""
        self._collector.check(
            scope=scope, kind=kind, declared=declared, computed=computed, ok=ok, rule=rule
        )
