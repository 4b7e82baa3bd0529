"""BAI2 (version 2) and BTRS (version 3): balance reports of US banks, read window by window.

    01 file
      02 group: one bank, one as-of date, one status
        03 account: balances and totals
          16 row … 88 goes on with any record
        49 account total
      98 group total
    99 file total

Windows are cut into records and columns by pure functions; the structure of the stream goes over
them in their order, and says which account each row belongs to. Several files may follow each other
in one stream. A total that does not foot, or a missing trailer, holds every payment of the stream
(`IN-TOTAL`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.bai2_accounts import RecordVoice
from parsers.bai2_cuts import cut_window
from parsers.bai2_rows import DetailRows
from parsers.bai2_structure import StreamStructure
from parsers.bai2_survey import ItemSurvey
from parsers.bai2_windows import WindowCutter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.bai2_ordinary import OrdinaryBlock
    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["read_bai2"]

_WINDOW_BYTES: Final = 3 << 19
_SMALL_WINDOW_BYTES: Final = 1 << 19
_SMALL_WINDOWS_FROM: Final = 1 << 28
"""Up to six windows are under way on two cores, each with some eight times its bytes in columns.
Smaller ones spend more of their time between the columns, a twentieth of it here; but a file from
this size on needs the memory for telling equal payments apart: 9 bytes for each of them."""


def read_bai2(
    source: ByteSource,
    collector: FileCollector,
    options: ReadOptions,
    window_bytes: int = 0,
) -> Iterator[None]:
    """Read a BAI2 stream as far as it goes; never raises.

    Our bank accounts give the currency where neither 03 nor 02 does (else USD), and the dialect in
    which a bank writes amounts. Windows are chosen by the file's size where not given.
    """
    collector.source_format = "bai2"
    if not window_bytes:
        is_large = source.size >= _SMALL_WINDOWS_FROM
        window_bytes = _SMALL_WINDOW_BYTES if is_large else _WINDOW_BYTES
    cutter = WindowCutter(source, window_bytes)
    structure = StreamStructure(collector, options, ItemSurvey(cutter))
    claimed = _claimed(source, collector, options, (cutter, structure))
    for rows, block, counts in options.map_ordered(_read_together, claimed):
        rows.give(block, counts)
        yield
    version, accounts = structure.version, structure.account_count
    collector.close(dialect=f"bai2.v{version}", statement_count=accounts)


def _claimed(
    source: ByteSource,
    collector: FileCollector,
    options: ReadOptions,
    stream: tuple[WindowCutter, StreamStructure],
) -> Iterator[DetailRows]:
    """The rows of each window, once it is known which account each belongs to."""
    cutter, structure = stream
    is_utf8, line = True, 1
    for cut in options.map_ordered(cut_window, cutter.windows()):
        voice = RecordVoice(collector, cut.table, line)
        if is_utf8 and cut.bad_byte is not None:
            is_utf8 = False
            voice.say_encoding(cut.window, cut.bad_byte)
        rows = DetailRows(collector, cut, voice, line)
        structure.walk(cut, rows, voice, line)
        if cut.window.after >= source.size:
            structure.finish()
        line += cut.table.line_count
        yield rows


def _read_together(
    rows: DetailRows,
) -> tuple[DetailRows, OrdinaryBlock | None, dict[str, int]]:
    """The ordinary rows of a window, read at once."""
    block, counts = rows.read_together()
    return rows, block, counts
