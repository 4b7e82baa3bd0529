"""camt.052, camt.053 and camt.054 of every version: bytes to payments, lines, checks, diagnostics.

Elements are known by local name, whatever the namespace, prefix or envelope around the message.
The file is read piece by piece. Ordinary entries are read as columns (`parsers.camt_ordinary`), and
an XML parser sees a single empty element in the place of each run of them; everything else goes
through that parser, entry by entry. So memory does not grow with the file, and one piece of code
says what an entry means. Document type declarations are never loaded, entities never expanded,
nothing is fetched. What libxml2 bounds (depth 256, 10 MB of one text) ends the reading there like a
truncation.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from parsers.byte_source import WINDOW_BYTES
from parsers.camt_documents import documents
from parsers.camt_reader import DocumentReader
from parsers.camt_schema import report_violations
from parsers.camt_statements import StatementFacts, StatementKeeper
from parsers.camt_xml import VERSION
from parsers.collector import FileCollector
from parsers.errors import UnrecognisedFileError
from parsers.read_options import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.byte_source import ByteSource

__all__ = ["read_camt", "read_windows"]

_MESSAGE: Final = re.compile(rb"BkToCstmr(StmtV|Stmt|AcctRptV|AcctRpt|DbtCdtNtfctnV|DbtCdtNtfctn)")
_FORMAT_OF_MESSAGE: Final = {
    b"AcctRpt": "camt.052",
    b"Stmt": "camt.053",
    b"DbtCdtNtfctn": "camt.054",
}
_OVERLAP: Final = 64


def read_camt(source: ByteSource, collector: FileCollector, options: ReadOptions) -> Iterator[None]:
    """Read a camt file as far as it goes.

    Raises `UnrecognisedFileError` where `source` holds none of the three messages; all else that
    may be wrong becomes a diagnostic.
    """
    yield from read_windows(source, collector, options, WINDOW_BYTES)


def read_windows(
    source: ByteSource,
    collector: FileCollector,
    options: ReadOptions,
    window_bytes: int,
    *,
    with_columns: bool = True,
) -> Iterator[None]:
    """`read_camt` in windows of that size, which changes nothing of the result.

    Without columns every entry goes through the XML parser, which changes nothing either.
    """
    collector.source_format, dialect = _message_of(source, collector.source_file)
    keeper = StatementKeeper(collector, partial(_survey, source, window_bytes))
    for document in documents(source, window_bytes):
        reader = DocumentReader(source, document, collector, keeper)
        yield from reader.read(options, window_bytes, with_columns=with_columns)
        if options.camt_schemas:
            report_violations(source, document, collector, options.camt_schemas, window_bytes)
    keeper.finish()
    collector.close(
        dialect=keeper.dialect or dialect or collector.source_format,
        statement_count=len(keeper.statements),
    )
    yield


def _survey(source: ByteSource, window_bytes: int) -> list[StatementFacts]:
    """Facts of all statements of a file: it is read for nothing else."""
    collector = FileCollector(source, "")
    keeper = StatementKeeper(collector, None)
    for document in documents(source, window_bytes):
        reader = DocumentReader(source, document, collector, keeper)
        for _ in reader.read(ReadOptions(), window_bytes, with_columns=False):
            collector.drain()
    return keeper.facts


def _message_of(source: ByteSource, source_file: str) -> tuple[str, str]:
    """Format and, where it is told before the message begins, version of a file's first message."""
    version = ""
    is_wide = b"\0" in source.read(0, 4)
    for at in range(0, source.size, WINDOW_BYTES):
        content = source.read(max(at - _OVERLAP, 0), at + WINDOW_BYTES + 2 * _OVERLAP)
        content = content.replace(b"\0", b"") if is_wide else content
        found = _MESSAGE.search(content)
        told = content if found is None else content[: found.end() + 256]
        if not version:
            named = VERSION.search(told.decode("ascii", "replace"))
            version = named[0] if named else ""
        if found is not None:
            return _FORMAT_OF_MESSAGE[found[1].removesuffix(b"V")], version
    sentence = (
        f"{source_file}: no camt.052, camt.053 or camt.054 message; "
        "expected XML with BkToCstmrAcctRpt, BkToCstmrStmt or BkToCstmrDbtCdtNtfctn"
    )
    raise UnrecognisedFileError(sentence)
