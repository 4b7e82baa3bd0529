"""Payments of a run in pieces: a file each, the unit of tasks over payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.packets import packed
from cluster.rows import PAYMENT_ROW, with_lines
from cluster.stage_files import keep_table, kept_table, taken
from engine.batches import NO_DATE, PaymentBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cluster.packets import Packet, Received
    from cluster.places import Place
    from engine.batches import RemittanceBatch

__all__ = [
    "LINES",
    "Pieces",
    "keep_pieces",
    "keys_of_payments",
    "latest_booking",
    "lines_place",
    "payments_of",
    "pieces_of",
    "pieces_told",
]

_LEAST, _MOST = 2_000, 1 << 16
_PIECES: Final = "pieces"
_TOLD: Final = pa.schema([pa.field(name, pa.int64()) for name in ("first", "rows", "day")])
_LINES_FOLDER: Final = "advice_lines"

LINES: Final = pa.schema([PAYMENT_ROW.field("payment_no"), PAYMENT_ROW.field("lines")])
"""Lines of an advice, by the number of the payment that it means."""


class Pieces(msgspec.Struct, frozen=True, kw_only=True):
    """first: number of the first payment of each piece, ascending; rows: payments in each; day: the
    latest day any was booked, `NO_DATE` where none says so.
    """

    first: NDArray[np.int64]
    rows: NDArray[np.int64]
    day: int

    def __len__(self) -> int:
        """How many there are."""
        return len(self.first)

    def of(self, payment_no: NDArray[np.int64]) -> NDArray[np.int64]:
        """The piece each payment stands in."""
        return np.searchsorted(self.first, payment_no, side="right") - 1


def keep_pieces(
    folder: Place,
    payments: PaymentBatch,
    lines: RemittanceBatch,
    first: int,
    parts: int,
    day: int,
) -> Iterator[Packet]:
    """Keep `payments`, numbered from `first`, with their `lines` in pieces, and tell of them; about
    `parts` pieces where there are enough payments. `day` is the latest any was booked of all that
    were given.
    """
    rows = with_lines(payments, lines, first)
    size = min(max(-(-len(rows) // parts), _LEAST), _MOST)
    told = []
    for begin in range(0, len(rows), size):
        piece = rows.slice(begin, size)
        keep_table(_place(folder, first + begin), [piece], PAYMENT_ROW)
        told.append((first + begin, len(piece), day))
    told = told or [(first, 0, day)]
    yield from packed({_PIECES: pa.table([*zip(*told, strict=True)], schema=_TOLD)})


def latest_booking(payments: PaymentBatch) -> int:
    """The latest day any of `payments` was booked, `NO_DATE` where none says so."""
    return int(payments.days("booking_date").max(initial=NO_DATE))


def pieces_told(received: Received) -> pa.Table:
    """What `keep_pieces` told, of any number of tasks."""
    return received.table(_PIECES, _TOLD)


def pieces_of(told: pa.Table) -> Pieces:
    """The pieces that were `told`."""
    ordered = told.filter(pc.greater(told["rows"], 0)).sort_by("first")
    return Pieces(
        first=ordered["first"].to_numpy(),
        rows=ordered["rows"].to_numpy(),
        day=int(told["day"].to_numpy().max(initial=NO_DATE)),
    )


def payments_of(folder: Place, pieces: Pieces, piece: int) -> pa.Table:
    """The payments of a piece (`PAYMENT_ROW`), with the lines of advices that mean them."""
    first = int(pieces.first[piece])
    rows = kept_table(_place(folder, first), PAYMENT_ROW)
    joined = kept_table(lines_place(folder, first), LINES)
    if not len(joined):
        return rows
    at = pc.index_in(rows["payment_no"], value_set=joined["payment_no"].combine_chunks())
    found = pc.fill_null(at, -1).to_numpy()
    both = pa.chunked_array([*rows["lines"].chunks, *joined["lines"].chunks]).combine_chunks()
    place = np.where(found < 0, np.arange(len(rows)), len(rows) + found)
    lines = both.take(pa.array(place))
    return rows.set_column(rows.column_names.index("lines"), PAYMENT_ROW.field("lines"), lines)


def keys_of_payments(folder: Place, pieces: Pieces, number: NDArray[np.int64]) -> pa.Table:
    """The keys of the payments with the given numbers, ascending."""
    piece = pieces.of(number)
    return pa.concat_tables(
        taken(
            _place(folder, int(pieces.first[one])),
            number[piece == one] - pieces.first[one],
            PaymentBatch.KEY,
        )
        for one in sorted(set(piece.tolist()))
    )


def lines_place(folder: Place, first: int) -> Place:
    """Where the lines of advices stand for the piece whose first payment is `first`."""
    return folder / _LINES_FOLDER / f"{first:016x}.arrow"


def _place(folder: Place, first: int) -> Place:
    return folder / "payments" / f"{first:016x}.arrow"
