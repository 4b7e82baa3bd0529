"""Every bound of the readers, once, with its derivation.

Limits count bytes and rows, never time: a slow machine takes longer and reads the same.
"""

from __future__ import annotations

__all__ = [
    "ARCHIVE_MEMBERS_MAX",
    "EXPANDED_BYTES_MAX",
    "EXPANSION_FREE_BYTES",
    "EXPANSION_RATIO_MAX",
    "KNOWN_STATEMENTS_MAX",
    "REMITTANCE_BYTES_MAX",
    "SPREADSHEET_BYTES_MAX",
    "SPREADSHEET_CELLS_MAX",
    "STATEMENT_UNIT_BYTES_MAX",
]

ARCHIVE_MEMBERS_MAX = 10_000
"""Files of one ZIP archive: a year of one file per account and day of 25 accounts stays below."""

EXPANDED_BYTES_MAX = 8 << 30
"""Bytes one archive may expand to, all its files together: eight times the largest file the
readers are measured with."""

EXPANSION_RATIO_MAX = 200
"""Expanded bytes per compressed byte. Statements of repeated XML compress 20 to 60 times; deflate
ends at 1,032 times, which nothing but zeros and bombs comes near."""

EXPANSION_FREE_BYTES = 16 << 20
"""Bytes a file may expand to before its ratio is judged: small files may repeat themselves."""

KNOWN_STATEMENTS_MAX = 100_000
"""Statements of one MT94x file remembered to notice one that stands twice, the last ones: a year of
400 accounts in 10 MB."""

STATEMENT_UNIT_BYTES_MAX = 1 << 20
"""Bytes of an MT94x file between two fields that its pieces begin at: a thousand times the longest
statement line. What is longer is cut there, so that memory stays bounded."""

REMITTANCE_BYTES_MAX = 64 << 20
"""Bytes of remittance advice in a payer's own table: half a million lines of 120 bytes."""

SPREADSHEET_BYTES_MAX = 256 << 20
"""Bytes of the parts of a spreadsheet that are read, expanded: markup takes four times the text."""

SPREADSHEET_CELLS_MAX = 5_000_000
"""Cells of a sheet that hold a value: half a million lines of ten columns."""
