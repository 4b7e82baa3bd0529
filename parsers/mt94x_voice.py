"""Diagnostics of a SWIFT MT94x file: about a line, a field or a statement, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector
    from parsers.mt94x_entry import EntryNote
    from parsers.mt94x_fields import Event, FieldTable
    from parsers.mt94x_rows import RowColumns
    from parsers.mt94x_statements import Statement

__all__ = ["PieceVoice"]


class PieceVoice:
    """Speaks about the piece that is being read; what it says of may hold the file."""

    def __init__(self, collector: FileCollector) -> None:
        """Speak into `collector`, about nothing yet."""
        self._collector = collector
        self._starts: Offsets = np.zeros(1, np.int64)
        self._lengths: Offsets = np.zeros(1, np.int64)
        self.offset = 0
        self.line = 0

    def begin(self, offset: int, table: FieldTable) -> None:
        """A piece begins at `offset`."""
        self.offset = offset
        self._starts = table.starts
        self._lengths = table.stops - table.starts

    def end(self, further_lines: int = 0) -> None:
        """The piece is read; `further_lines` were left out behind it."""
        self.line += len(self._starts) + further_lines

    def place_of(self, line: int) -> tuple[int, int]:
        """Number (from 1) and offset in the file of a line of the piece."""
        start = int(self._starts[line]) if line < len(self._starts) else 0
        return self.line + line + 1, self.offset + start

    def of_row(self, columns: RowColumns, row: int, note: EntryNote) -> None:
        """About a statement line."""
        self._say(int(columns.line[row]), note)

    def of_event(self, event: Event, code: str, sentence: str, expected: str) -> None:
        """About another field."""
        self._say(event.line, (code, sentence, event.text.partition("\n")[0], expected))

    def of_statement(self, statement: Statement, code: str, sentence: str, expected: str) -> None:
        """About a statement as a whole."""
        self._collector.diagnose(
            code,
            f"{statement.label}: {sentence}",
            line=statement.line,
            offset=statement.offset,
            expected=expected,
        )

    def hold_event(self, event: Event, code: str, sentence: str, expected: str) -> None:
        """About a field that leaves money unproven: the file is held."""
        self.of_event(event, code, sentence, expected)
        self._collector.hold_file("IN-TOTAL")

    def hold_statement(self, statement: Statement, code: str, sentence: str, expected: str) -> None:
        """About a statement that is not proven: the file is held."""
        self.of_statement(statement, code, sentence, expected)
        self._collector.hold_file("IN-TOTAL")

    def _say(self, line: int, note: EntryNote) -> None:
        code, sentence, value, expected = note
        number, offset = self.place_of(line)
        self._collector.diagnose(
            code,
            sentence,
            line=number,
            offset=offset,
            within=int(self._lengths[line]) if line < len(self._lengths) else 0,
            value=value,
            expected=expected,
        )
