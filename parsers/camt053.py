"""camt.052, camt.053 and camt.054 of every version: bytes to payments, lines, checks, diagnostics.

Elements are known by local name, whatever the namespace, prefix or envelope around the message.
Entries are read one by one and dropped, so that memory does not grow with the file. Document type
declarations are never loaded, entities never expanded, nothing is fetched. What libxml2 bounds
(depth 256, 10 MB of one text) ends the reading there like a truncation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import msgspec
from lxml import etree

from parsers.camt_balances import Statement, check_sequences, check_statement, read_statement
from parsers.camt_entry import Entry, EntryReader
from parsers.camt_source import EntryPlaces, XmlDocument, split_documents
from parsers.camt_xml import forget, line_of, local_name
from parsers.errors import UnrecognisedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["read_camt"]

_CHUNK_BYTES: Final = 1 << 15
_MESSAGE: Final = re.compile(rb"BkToCstmr(StmtV|Stmt|AcctRptV|AcctRpt|DbtCdtNtfctnV|DbtCdtNtfctn)")
_FORMAT_OF_MESSAGE: Final = {
    b"AcctRpt": "camt.052",
    b"Stmt": "camt.053",
    b"DbtCdtNtfctn": "camt.054",
}
_VERSION: Final = re.compile(r"camt\.05[234]\.\d{3}\.\d{2,}")
_STATEMENTS: Final = ("Stmt", "Rpt", "Ntfctn")
_TAGS: Final = ("{*}Ntry", *(f"{{*}}{name}" for name in _STATEMENTS))


def read_camt(
    source: ByteSource, collector: FileCollector, _options: ReadOptions
) -> Iterator[None]:
    """Read a camt file as far as it goes.

    Raises `UnrecognisedFileError` where `source` holds none of the three messages; all else that
    may be wrong becomes a diagnostic.
    """
    content = source.read(0, source.size)
    searchable = content.replace(b"\0", b"") if b"\0" in content[:4] else content
    message = _MESSAGE.search(searchable)
    if message is None:
        sentence = (
            f"{collector.source_file}: no camt.052, camt.053 or camt.054 message; "
            "expected XML with BkToCstmrAcctRpt, BkToCstmrStmt or BkToCstmrDbtCdtNtfctn"
        )
        raise UnrecognisedFileError(sentence)
    collector.source_format = _FORMAT_OF_MESSAGE[message[1].removesuffix(b"V")]
    version = _VERSION.search(searchable[: message.end() + 256].decode("ascii", "replace"))
    reader = _FileReader(collector)
    for document in split_documents(content):
        reader.read_document(document)
    reader.finish(version[0] if version else collector.source_format)
    yield


_Facts = tuple[object, ...]
"""Facts by which payments and entries of two copies of a statement are compared."""


class _OpenStatement(msgspec.Struct):
    """The statement being read.

    `earlier` holds the payments of the statement that had the same identity before. Entries are
    `waiting` where there is such a one, or where our account is not known yet.
    """

    element: _Element
    statement: Statement
    earlier: set[_Facts] | None
    earlier_entries: list[_Facts]
    waiting: list[Entry]
    facts: set[_Facts]
    entries: list[_Facts]


class _FileReader:
    """Reads the XML documents of one file into its collector."""

    def __init__(self, collector: FileCollector) -> None:
        self._collector = collector
        self._entries = EntryReader(collector)
        self._open: _OpenStatement | None = None
        self._statements: list[Statement] = []
        self._seen: dict[tuple[object, ...], tuple[set[_Facts], list[_Facts]]] = {}
        self._dialect = ""
        self._places: EntryPlaces | None = None

    def finish(self, dialect: str) -> None:
        """Close the file; `dialect` is used where no statement told one."""
        check_sequences(self._collector, self._statements)
        if not self._statements:
            self._collector.diagnose(
                "CAMT-EMPTY", "the message holds no statement, report or notification"
            )
        self._collector.close(
            dialect=self._dialect or dialect, statement_count=len(self._statements)
        )

    def read_document(self, document: XmlDocument) -> None:
        """Read one XML document as far as it is well-formed."""
        collector = self._collector
        for code, sentence in document.notes:
            collector.diagnose(code, sentence, line=document.line + 1)
        if b"<!DOCTYPE" in document.content:
            collector.diagnose(
                "CAMT-DTD", "a document type declaration; nothing of it is used", line=1
            )
            if b"<!ENTITY" in document.content:
                collector.hold_file("IN-FORMAT")
        self._places = EntryPlaces(document)
        parser = etree.XMLPullParser(
            events=("end",),
            tag=_TAGS,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=True,
            collect_ids=False,
            encoding=document.encoding,
        )
        try:
            for start in range(0, len(document.content), _CHUNK_BYTES):
                parser.feed(document.content[start : start + _CHUNK_BYTES])
                self._read_events(parser, document)
            parser.close()
            self._read_events(parser, document)
            self._abandon()
        except etree.XMLSyntaxError as error:
            self._read_events(parser, document)
            self._break_off(error, document)

    def _read_events(self, parser: etree.XMLPullParser, document: XmlDocument) -> None:
        for event in parser.read_events():
            element = cast("_Element", event[1])
            parent = element.getparent()
            if local_name(element) != "Ntry":
                if parent is not None and local_name(parent).startswith("BkToCstmr"):
                    self._end_statement(element, document)
                continue
            if parent is None:
                continue
            self._read_entry(element, parent, document)
            forget(element)
            before = element.getprevious()
            if before is not None and local_name(before) == "Ntry":
                parent.remove(before)

    def _start_statement(
        self, element: _Element, stop: _Element | None, document: XmlDocument
    ) -> _OpenStatement:
        line = line_of(element)
        statement = read_statement(element, stop, None if line is None else line + document.line)
        self._statements.append(statement)
        if statement.is_copy:
            self._collector.diagnose(
                "CAMT-COPY",
                f"{statement.label}: the bank marks it {statement.copy_code}; "
                "its payments are held as possible duplicates",
                line=statement.line,
                value=statement.copy_code,
            )
        message = element.getparent()
        if not self._dialect and message is not None:
            version = _VERSION.search(str(message.tag))
            self._dialect = version[0] if version else ""
        key = (
            statement.kind,
            statement.account,
            statement.identity,
            statement.sequence,
            statement.page,
        )
        facts, entries = self._seen.get(key, (None, []))
        self._open = _OpenStatement(element, statement, facts, entries, [], set(), [])
        if facts is None and statement.identity:
            self._seen[key] = (self._open.facts, self._open.entries)
        return self._open

    def _read_entry(self, element: _Element, parent: _Element, document: XmlDocument) -> None:
        opened = self._open
        if opened is None or opened.element is not parent:
            self._abandon()
            opened = self._start_statement(parent, element, document)
        places = self._places
        place = None if places is None else places.next_place(element.prefix)
        entry = self._entries.read(element, opened.statement, place)
        facts = [draft.facts() for draft in entry.drafts]
        opened.facts.update(facts)
        counts = tuple(entry.counts.items())
        opened.entries.append((entry.direction, entry.minor, entry.currency, counts, *facts))
        if opened.earlier is None and opened.statement.account:
            self._keep(entry, opened)
        else:
            opened.waiting.append(entry)

    def _keep(self, entry: Entry, opened: _OpenStatement) -> None:
        """Give an entry's payments and counts to the collector and to the statement's totals."""
        collector = self._collector
        for draft in entry.drafts:
            if opened.earlier is not None and draft.facts() in opened.earlier:
                codes = set(filter(None, draft.columns["intake_codes"].split(";")))
                draft.columns["intake_codes"] = ";".join(sorted(codes | {"IN-DUPPAY"}))
            index = collector.payment(**draft.columns)
            for line in draft.lines:
                collector.remittance(
                    index,
                    reference=line.reference,
                    source="structured",
                    reference_kind=line.reference_kind,
                    amount_minor=line.amount_minor,
                    discount_minor=line.discount_minor,
                    deduction_minor=line.deduction_minor,
                    deduction_reason=line.deduction_reason,
                )
        for reason, rows in entry.counts.items():
            collector.count(reason, rows)
        if entry.direction:
            opened.statement.add(
                entry.direction, entry.minor, entry.currency, is_booked=entry.is_booked
            )

    def _end_statement(self, element: _Element, document: XmlDocument) -> None:
        opened = self._open
        if opened is None or opened.element is not element:
            self._abandon()
            opened = self._start_statement(element, None, document)
        if opened.earlier is not None and opened.entries == opened.earlier_entries:
            self._skip(opened)
        else:
            self._flush(opened, read_statement(element, None, None))
            check_statement(self._collector, opened.statement, element)
        self._open = None
        forget(element)

    def _skip(self, opened: _OpenStatement) -> None:
        """Leave out a statement whose identity and entries were read before in this file."""
        rows = sum(len(entry.drafts) + sum(entry.counts.values()) for entry in opened.waiting)
        if rows:
            self._collector.count("repeated_statement", rows)
        self._collector.diagnose(
            "CAMT-REPEATED",
            f"{opened.statement.label}: it stands twice in the file; the second is left out",
            line=opened.statement.line,
            value=opened.statement.identity,
        )
        self._statements.remove(opened.statement)

    def _flush(self, opened: _OpenStatement, header: Statement | None = None) -> None:
        """Keep the waiting entries; `header` is the statement's once it has ended."""
        statement = opened.statement
        if not statement.account and header is not None:
            statement.account = header.account
            statement.currency = statement.currency or header.currency
        for entry in opened.waiting:
            for draft in entry.drafts:
                draft.columns["bank_account"] = statement.account
            self._keep(entry, opened)
        if opened.earlier is not None:
            self._collector.diagnose(
                "CAMT-REPEATED",
                f"{statement.label}: its identity stood before with other entries; both are "
                "kept, equal payments are held as possible duplicates",
                line=statement.line,
                value=statement.identity,
            )
        if not statement.account:
            self._collector.diagnose(
                "CAMT-ACCOUNT",
                f"{statement.label}: the statement does not name our account",
                line=statement.line,
                expected="Acct/Id/IBAN or Acct/Id/Othr/Id",
            )
        if statement.without_status:
            self._collector.diagnose(
                "CAMT-STATUS-ABSENT",
                f"{statement.label}: {statement.without_status} entries without status "
                "are taken as booked",
                line=statement.line,
                value=str(statement.without_status),
                expected="Sts BOOK, PDNG, INFO or FUTR",
            )

    def _abandon(self) -> None:
        """Close a statement that did not end: its entries are kept, its totals not judged."""
        if self._open is not None:
            self._flush(self._open)
            self._open = None

    def _break_off(self, error: etree.XMLSyntaxError, document: XmlDocument) -> None:
        """The document ends here: say where and what is missing, and hold the file."""
        self._abandon()
        lost = 0 if self._places is None else self._places.entries_left()
        if lost:
            self._collector.count("unreadable", lost)
        row, column = error.position
        self._collector.diagnose(
            "FILE-TRUNCATED",
            f"the XML breaks off or is not well-formed ({error.msg}); "
            f"{lost} further entries begin but cannot be read",
            line=row + document.line,
            column=column,
            value=str(lost),
            expected="well-formed XML up to the end tag of its root",
        )
        self._collector.hold_file("IN-TOTAL")
