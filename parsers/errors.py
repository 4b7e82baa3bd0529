"""Errors of the parsers, each with a stable reason.

    ParserError
    ├── UnrecognisedFileError   NOT_A_BANK_FILE: no format recognises the content
    ├── ArchiveError            ARCHIVE_UNREADABLE: packed, and it cannot or may not be unpacked
    ├── LayoutError             LAYOUT_MALFORMED: a table of lockbox layouts that breaks a rule
    ├── BundleError             BUNDLE_MALFORMED: the result of a run that is not what it says
    └── TableError              TABLE_*: a table (CSV, Parquet, …) that breaks a rule; no row used

Everything a bank file may have wrong is a diagnostic, not an error.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "BundleError",
    "LayoutError",
    "ParserError",
    "TableError",
    "UnrecognisedFileError",
]


class ParserError(Exception):
    """Root of every error the parsers raise on purpose."""

    reason = "PARSER"


class UnrecognisedFileError(ParserError, ValueError):
    """The content is no bank file of any known format."""

    reason = "NOT_A_BANK_FILE"


class ArchiveError(ParserError, ValueError):
    """An archive, or a file in one, that is damaged, encrypted or beyond the limits."""

    reason = "ARCHIVE_UNREADABLE"


class LayoutError(ParserError, ValueError):
    """A layout of lockbox files with a missing, unknown or impossible field; none of it is used."""

    reason = "LAYOUT_MALFORMED"


class BundleError(ParserError, ValueError):
    """The result of a run differs from its manifest, or from itself; nothing of it is used."""

    reason = "BUNDLE_MALFORMED"


class TableError(ParserError, ValueError):
    """A table with a missing column, a bad value or a duplicate key; nothing of it is used."""

    reason = "TABLE_MALFORMED"
