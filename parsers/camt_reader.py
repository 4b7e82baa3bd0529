"""One XML document of a camt file: pieces in, entries and statements out, in the file's order."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from lxml import etree

from parsers.byte_source import WINDOW_BYTES
from parsers.camt_documents import DocumentError, Piece, pieces
from parsers.camt_entry import EntryReader
from parsers.camt_ordinary import read_ordinary
from parsers.camt_places import PlaceFinder
from parsers.camt_rows import OrdinaryRun, PieceRows
from parsers.camt_shape_book import ShapeBook
from parsers.camt_vocabulary import Vocabulary
from parsers.camt_xml import forget, line_of, local_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.etree import _Element

    from parsers.byte_source import ByteSource
    from parsers.camt_documents import XmlDocument
    from parsers.camt_ordinary import OrdinaryEntries
    from parsers.camt_statements import StatementKeeper
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["DocumentReader"]

_STATEMENTS: Final = ("Stmt", "Rpt", "Ntfctn")
_FEED_BYTES: Final = 1 << 15
_PLACE: Final = re.compile(r", line \d+, column \d+$")
"""What libxml2 adds to its messages; places are told apart."""

_RUNS_KEPT: Final = 4_096
_SHORT_BYTES: Final = 1 << 16
_ENTRIES_MIN: Final = 4
"""Entries of a piece, and of a run, for which columns are worth their while."""

_LINE_MAX: Final = 65_535
"""Lines beyond are not told by libxml2."""


class _Columns:
    """By how many bytes the XML parser's columns are behind those of the file, on its last line.

    The parser tells of an error some time after it was fed the place, so the last runs are kept.
    """

    def __init__(self) -> None:
        self._line = 0
        self._fed = 0
        self._shifts: deque[tuple[int, int]] = deque([(0, 0)], maxlen=_RUNS_KEPT)

    def feed(self, content: bytes, lines: int) -> None:
        """The parser was fed `content` that ends `lines` lines."""
        if lines:
            self._line += lines
            self._fed = len(content) - content.rfind(b"\n") - 1
            self._shifts = deque([(0, 0)], maxlen=_RUNS_KEPT)
        else:
            self._fed += len(content)

    def leave_out(self, size: int) -> None:
        """The file goes on `size` bytes further on this line than what was fed."""
        self._shifts.append((self._fed, self._shifts[-1][1] + size))

    def of_file(self, line: int, column: int) -> int:
        """A column of the file, given the parser's; lines are 0-based within the document."""
        if line != self._line:
            return column
        return column + max(shift for fed, shift in self._shifts if fed < column or not shift)


class DocumentReader:
    """Reads one document into the collector and the keeper of its file's statements."""

    def __init__(
        self,
        source: ByteSource,
        document: XmlDocument,
        collector: FileCollector,
        keeper: StatementKeeper,
    ) -> None:
        """Say what had to be mended of `document`."""
        self._source, self._document = source, document
        self._collector, self._keeper = collector, keeper
        self._entries = EntryReader(collector)
        self._places = PlaceFinder(is_known=not document.has_declarations)
        self._mark = f"ordinary-{collector.file_id[:32]}"
        self._runs: deque[OrdinaryRun] = deque()
        self._rows = PieceRows()
        self._columns = _Columns()
        self._fed = 0
        self._parser = self._new_parser()
        for code, sentence in document.notes:
            collector.diagnose(code, sentence, line=document.line + 1)
        if document.has_declarations:
            collector.diagnose(
                "CAMT-DTD", "a document type declaration; nothing of it is used", line=1
            )
            if document.has_entities:
                collector.hold_file("IN-FORMAT")

    def _new_parser(self) -> etree.XMLPullParser:
        names = ("Ntry", *_STATEMENTS, self._mark)
        return etree.XMLPullParser(
            events=("end",),
            tag=[f"{{*}}{name}" for name in names],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=True,
            collect_ids=False,
            encoding=self._document.encoding,
        )

    def read(
        self, options: ReadOptions, window_bytes: int, *, with_columns: bool
    ) -> Iterator[None]:
        """Read the document as far as it is well-formed; yields behind each piece."""
        found = self._pieces(options, window_bytes, with_columns=with_columns)
        piece: Piece | None = None
        ordinary: OrdinaryEntries | None = None
        try:
            for piece, ordinary in found:
                self._fed = 0
                self._take(piece, ordinary)
                self._flush(piece, ordinary)
                yield
            piece = None
            self._parser.close()
            self._read_events()
            self._keeper.abandon()
        except etree.XMLSyntaxError as error:
            self._break_off(error, piece, ordinary, found)
        except DocumentError as error:
            self._break_off(error, piece, ordinary, iter(()))

    def _pieces(
        self, options: ReadOptions, window_bytes: int, *, with_columns: bool
    ) -> Iterator[tuple[Piece, OrdinaryEntries | None]]:
        cut = pieces(self._source, self._document, window_bytes)
        if with_columns and not self._document.has_declarations:
            return options.map_ordered(_OrdinaryReader(self._collector.file_id), cut)
        return ((piece, None) for piece in cut)

    def _flush(self, piece: Piece, ordinary: OrdinaryEntries | None) -> None:
        """Give the rows of `piece` away."""
        offsets = None
        if ordinary is not None:
            starts = ordinary.payments["source_offset"].to_numpy(zero_copy_only=False)
            stops = starts + ordinary.payments["source_length"].to_numpy(zero_copy_only=False)
            offsets = piece.offsets(np.concatenate([starts, stops]))
        self._rows.give(self._collector, piece.line + 1, offsets)

    def _take(self, piece: Piece, ordinary: OrdinaryEntries | None) -> None:
        """Feed a piece to the XML parser, runs of ordinary entries as one element each."""
        at = 0
        if ordinary is not None:
            for run, start, stop in _runs(piece, ordinary):
                if run.entries[1] - run.entries[0] < _ENTRIES_MIN:
                    continue
                self._feed(piece, at, start)
                at = start
                if not self._places.is_between:
                    break
                self._feed_run(piece, run, start, stop)
                at = stop
        self._feed(piece, at, len(piece.content))
        self._read_events()

    def _feed(self, piece: Piece, start: int, stop: int) -> None:
        if start < stop:
            self._places.look_at(piece, start, stop)
            self._fed = stop
        for at in range(start, stop, _FEED_BYTES):
            fed = piece.content[at : min(at + _FEED_BYTES, stop)]
            self._columns.feed(fed, fed.count(b"\n"))
            self._parser.feed(fed)
            if stop - start > _FEED_BYTES:
                self._read_events()

    def _feed_run(self, piece: Piece, run: OrdinaryRun, start: int, stop: int) -> None:
        """Feed an element in place of a run, with as many line ends as the run has."""
        self._runs.append(run)
        self._fed = stop
        element = f"<{piece.prefix}{self._mark}/>".encode()
        lines = piece.content.count(b"\n", start, stop)
        last = piece.content.rfind(b"\n", start, stop)
        fed = element + b"\n" * lines
        self._columns.feed(fed, lines)
        self._columns.leave_out(stop - last - 1 if lines else stop - start - len(element))
        self._parser.feed(fed)

    def _read_events(self) -> None:
        for event in self._parser.read_events():
            element = cast("_Element", event[1])
            name, parent = local_name(element), element.getparent()
            if name in _STATEMENTS:
                if parent is not None and local_name(parent).startswith("BkToCstmr"):
                    self._keeper.end(element, self._line_of(element))
                    forget(element)
                continue
            if parent is None:
                continue
            if name == "Ntry":
                statement = self._keeper.statement_of(parent, element, self._line_of(parent))
                place = self._places.next_entry()
                self._keeper.take(self._entries.read(element, statement, place), self._rows)
                forget(element)
            elif name == self._mark:
                run = self._runs.popleft()
                self._keeper.statement_of(parent, element, self._line_of(parent))
                self._keeper.take_run(run, self._rows)
            before = element.getprevious()
            if before is not None and local_name(before) in {"Ntry", self._mark}:
                parent.remove(before)

    def _line_of(self, element: _Element) -> Callable[[], int | None]:
        def line() -> int | None:
            found = self._places.next_statement() if local_name(element) in _STATEMENTS else None
            if found is not None:
                return found
            told = line_of(element)
            return None if told is None or told >= _LINE_MAX else told + self._document.line

        return line

    def _break_off(
        self,
        error: etree.XMLSyntaxError | DocumentError,
        piece: Piece | None,
        ordinary: OrdinaryEntries | None,
        later: Iterator[tuple[Piece, OrdinaryEntries | None]],
    ) -> None:
        """The document ends here: say where and what is missing, and hold the file."""
        with contextlib.suppress(etree.XMLSyntaxError):  # it is the one being told
            self._read_events()
        self._keeper.abandon()
        lost = self._lost(error, piece, later)
        if piece is not None:
            self._flush(piece, ordinary)
        if lost:
            self._collector.count("unreadable", lost)
        line = column = None
        reason = str(error)
        if isinstance(error, etree.XMLSyntaxError):
            row, column = error.position
            line, reason = row + self._document.line, _PLACE.sub("", str(error.msg))
            column = self._columns.of_file(row - 1, column)
        self._collector.diagnose(
            "FILE-TRUNCATED",
            f"the XML breaks off or is not well-formed ({reason}); "
            f"{lost} further entries begin but cannot be read",
            line=line,
            column=column,
            value=str(lost),
            expected="well-formed XML up to the end tag of its root",
        )
        self._collector.hold_file("IN-TOTAL")

    def _lost(
        self,
        error: etree.XMLSyntaxError | DocumentError,
        piece: Piece | None,
        later: Iterator[tuple[Piece, OrdinaryEntries | None]],
    ) -> int:
        """Entries that begin somewhere in the document and were not read."""
        places = self._places
        if piece is not None:
            places.count_rest(piece, self._fed)
        broken = error if isinstance(error, DocumentError) else None
        try:
            for one, _ in later:
                places.count_rest(one, 0)
        except DocumentError as another:
            broken = another
        if broken is not None:
            for at in range(broken.offset, self._document.stop, WINDOW_BYTES):
                stop = min(at + WINDOW_BYTES, self._document.stop)
                content = self._source.read(at, stop).replace(b"\0", b"")
                places.count_rest(Piece(content, at, 0, 0, None), 0)
        return places.waiting + sum(run.entries[1] - run.entries[0] for run in self._runs)


class _OrdinaryReader:
    """Reads the ordinary entries of pieces; shapes learned of one piece serve the next."""

    def __init__(self, file_id: str) -> None:
        self._seed = int(file_id[:32], 16)
        self._books: dict[str, ShapeBook] = {}

    def __call__(self, piece: Piece) -> tuple[Piece, OrdinaryEntries | None]:
        """The piece and its ordinary entries; pure but for what it remembers of shapes."""
        entry = f"<{piece.prefix}Ntry>".encode()
        is_short = len(piece.content) < _SHORT_BYTES
        if piece.prefix is None or (is_short and piece.content.count(entry) < _ENTRIES_MIN):
            return piece, None
        book = self._books.get(piece.prefix)
        if book is None:
            book = self._books.setdefault(
                piece.prefix, ShapeBook(Vocabulary(piece.prefix, self._seed))
            )
        return piece, read_ordinary(piece.content, book)


def _runs(piece: Piece, found: OrdinaryEntries) -> Iterator[tuple[OrdinaryRun, int, int]]:
    """Ordinary entries with nothing between them: the run, its start and stop."""
    starts, stops = found.starts.tolist(), found.stops.tolist()
    bounds = [0]
    for at in range(1, len(starts)):
        gap = piece.content[stops[at - 1] : starts[at]]
        if gap and not gap.isspace():
            bounds.append(at)
    bounds.append(len(starts))
    payments = np.searchsorted(found.payment_entries, bounds).tolist()
    lines = np.searchsorted(found.lines.owners, payments).tolist()
    for low, high, at in zip(bounds, bounds[1:], range(len(bounds)), strict=False):
        run = OrdinaryRun(
            piece,
            found,
            (low, high),
            (payments[at], payments[at + 1]),
            (lines[at], lines[at + 1]),
        )
        yield run, starts[low], stops[high - 1]
