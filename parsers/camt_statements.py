"""Statements of a camt file while they are read: who owns an entry, and what repeats.

A statement that stands twice in a file counts once; one with the same identity and other entries is
kept, its equal payments held. Both need to know what the rest of the file says, so does a statement
whose account stands behind its entries: where one turns up the file is read once more, beforehand,
for nothing but `StatementFacts`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.camt_balances import Statement, check_sequences, check_statement, read_statement
from parsers.camt_entry import FACT_COLUMNS
from parsers.camt_ordinary_checks import check_run
from parsers.camt_xml import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element
    from numpy.typing import NDArray

    from parsers.camt_entry import Entry
    from parsers.camt_rows import OrdinaryRun, PieceRows
    from parsers.collector import FileCollector

__all__ = ["StatementFacts", "StatementKeeper"]

_DIGEST_BYTES: Final = 8


class StatementFacts(msgspec.Struct, frozen=True):
    """What a statement turned out to hold: its account, a digest of its entries, its payments.

    `payments` are sorted hashes of their facts; `is_whole` is False where the statement broke off.
    """

    account: str
    currency: str
    digest: bytes
    payments: NDArray[np.uint64]
    is_whole: bool


class _Open(msgspec.Struct):
    """The statement being read; `earlier` are the facts of the one it repeats."""

    element: _Element
    statement: Statement
    earlier: StatementFacts | None
    is_left_out: bool
    digest: hashlib.blake2b
    hashes: list[int]
    left_out_rows: int = 0


class StatementKeeper:
    """Gives entries to their statements, and statements to the collector."""

    def __init__(
        self, collector: FileCollector, survey: Callable[[], list[StatementFacts]] | None
    ) -> None:
        """Collect into `collector`; `survey` reads the facts of all statements of the file.

        Without `survey` nothing is compared: the facts are what is wanted (`facts`).
        """
        self._collector = collector
        self._survey = survey
        self._known: list[StatementFacts] | None = None
        self._open: _Open | None = None
        self._started = 0
        self._first_of: dict[tuple[object, ...], int] = {}
        self.statements: list[Statement] = []
        self.facts: list[StatementFacts] = []
        self.dialect = ""

    def finish(self) -> None:
        """All documents are read."""
        check_sequences(self._collector, self.statements)
        if not self.statements:
            self._collector.diagnose(
                "CAMT-EMPTY", "the message holds no statement, report or notification"
            )

    def statement_of(
        self, parent: _Element, stop: _Element, line: Callable[[], int | None]
    ) -> Statement:
        """The statement that `parent` is, opened where it is not yet; its first entry is `stop`."""
        if self._open is None or self._open.element is not parent:
            self.abandon()
            self._start(parent, stop, line())
        assert self._open is not None  # noqa: S101 - it was opened
        return self._open.statement

    def _start(self, element: _Element, stop: _Element | None, line: int | None) -> _Open:
        statement = read_statement(element, stop, line)
        number, self._started = self._started, self._started + 1
        if self._survey is not None and not statement.account:
            facts = self._facts_of(number)
            if facts is not None:
                statement.account = facts.account
                statement.currency = statement.currency or facts.currency
        self.statements.append(statement)
        message = element.getparent()
        if not self.dialect and message is not None:
            version = VERSION.search(str(message.tag))
            self.dialect = version[0] if version else ""
        earlier, is_left_out = self._compared(statement, number)
        if statement.is_copy:
            self._collector.diagnose(
                "CAMT-COPY",
                f"{statement.label}: the bank marks it {statement.copy_code}; "
                "its payments are held as possible duplicates",
                line=statement.line,
                value=statement.copy_code,
            )
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._open = _Open(element, statement, earlier, is_left_out, digest, [])
        return self._open

    def _facts_of(self, number: int) -> StatementFacts | None:
        if self._known is None:
            self._known = [] if self._survey is None else self._survey()
        return self._known[number] if number < len(self._known) else None

    def _compared(self, statement: Statement, number: int) -> tuple[StatementFacts | None, bool]:
        """Facts of the statement of the same identity before, and whether this is the same."""
        if self._survey is None or not statement.identity:
            return None, False
        key = (
            statement.kind,
            statement.account,
            statement.identity,
            statement.sequence,
            statement.page,
        )
        first = self._first_of.setdefault(key, number)
        earlier = None if first == number else self._facts_of(first)
        own = None if earlier is None else self._facts_of(number)
        if earlier is None or own is None:
            return earlier, False
        return earlier, own.is_whole and own.digest == earlier.digest

    def take(self, entry: Entry, rows: PieceRows) -> None:
        """Take an entry of the open statement."""
        opened = self._open
        assert opened is not None  # noqa: S101 - callers open the statement first
        if self._survey is None:
            hashes = [_hash_of(draft.facts()) for draft in entry.drafts]
            opened.hashes.extend(hashes)
            counts = tuple(entry.counts.items())
            told = (entry.direction, entry.minor, entry.currency, counts, *hashes)
            opened.digest.update(repr(told).encode())
            return
        if opened.is_left_out:
            opened.left_out_rows += len(entry.drafts) + sum(entry.counts.values())
            return
        for draft in entry.drafts:
            if opened.earlier is not None and _is_in(_hash_of(draft.facts()), opened.earlier):
                codes = set(filter(None, draft.columns["intake_codes"].split(";")))
                draft.columns["intake_codes"] = ";".join(sorted(codes | {"IN-DUPPAY"}))
            rows.add_draft(draft)
        for reason, count in entry.counts.items():
            self._collector.count(reason, count)
        if entry.direction:
            opened.statement.add(
                entry.direction, entry.minor, entry.currency, is_booked=entry.is_booked
            )

    def take_run(self, run: OrdinaryRun, rows: PieceRows) -> None:
        """Take ordinary entries of the open statement."""
        opened = self._open
        assert opened is not None  # noqa: S101 - callers open the statement first
        statement = opened.statement
        check_run(self._collector, statement, run, is_counted=not opened.is_left_out)
        low, high = run.entries
        if opened.is_left_out:
            opened.left_out_rows += int(run.found.rows[low:high].sum())
            return
        own_codes = {} if opened.earlier is None else _repeated(run, opened.earlier)
        codes = "IN-DUPPAY" if statement.is_copy else ""
        rows.add_run(run, statement.account, codes, own_codes)

    def end(self, element: _Element, line: Callable[[], int | None]) -> None:
        """The statement is complete: judge its totals."""
        opened = self._open
        if opened is None or opened.element is not element:
            self.abandon()
            opened = self._start(element, None, line())
        header = read_statement(element, None, None)
        if self._survey is None:
            self._record(opened, header)
        elif opened.is_left_out:
            self._leave_out(opened)
        else:
            self._tell(opened)
            check_statement(self._collector, opened.statement, element)
            self._identify(opened.statement, header)
        self._open = None

    def _identify(self, statement: Statement, header: Statement) -> None:
        """Say what the bank knows a complete statement by."""
        sequence = "" if statement.sequence is None else str(statement.sequence)
        self._collector.statement(
            account=statement.account or header.account,
            statement_id="/".join((statement.identity, sequence, str(statement.page))),
            date="",
            currency=statement.currency or header.currency,
            total_minor=statement.sums.get(("CRDT", False), 0)
            - statement.sums.get(("DBIT", False), 0),
        )

    def abandon(self) -> None:
        """Close a statement that did not end: its entries are kept, its totals not judged."""
        opened = self._open
        if opened is None:
            return
        if self._survey is None:
            self._record(opened, None)
        else:
            self._tell(opened)
        self._open = None

    def _record(self, opened: _Open, header: Statement | None) -> None:
        told = opened.statement if header is None else header
        self.facts.append(
            StatementFacts(
                account=told.account,
                currency=told.currency,
                digest=opened.digest.digest(),
                payments=np.sort(np.array(opened.hashes, np.uint64)),
                is_whole=header is not None,
            )
        )

    def _leave_out(self, opened: _Open) -> None:
        """Leave out a statement whose identity and entries were read before in this file."""
        if opened.left_out_rows:
            self._collector.count("repeated_statement", opened.left_out_rows)
        self._collector.diagnose(
            "CAMT-REPEATED",
            f"{opened.statement.label}: it stands twice in the file; the second is left out",
            line=opened.statement.line,
            value=opened.statement.identity,
        )
        self.statements.remove(opened.statement)

    def _tell(self, opened: _Open) -> None:
        """Report what is particular to a statement that is kept."""
        statement = opened.statement
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


def _hash_of(facts: tuple[object, ...]) -> int:
    digest = hashlib.blake2b(repr(facts).encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest, "little")


def _is_in(value: int, facts: StatementFacts) -> bool:
    at = int(np.searchsorted(facts.payments, np.uint64(value)))
    return at < len(facts.payments) and int(facts.payments[at]) == value


def _repeated(run: OrdinaryRun, earlier: StatementFacts) -> dict[int, str]:
    """The payments of a run, by index, that an earlier statement holds already."""
    low, high = run.payments
    columns = [run.found.payments[name].slice(low, high - low).to_pylist() for name in FACT_COLUMNS]
    return {
        low + at: "IN-DUPPAY"
        for at, facts in enumerate(zip(*columns, strict=True))
        if _is_in(_hash_of(facts), earlier)
    }
