"""Payments of a file and their remittance lines, gathered in chunks until they are given away.

Payments are settled now and then: what each says is hashed while its columns are still in the
caches of a processor and other cores go on, and not of all of them in the end.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine import schemas
from engine.batches import PaymentBatch, RemittanceBatch
from parsers.column_chunks import (
    ColumnChunk,
    column_kinds,
    facts_of,
    join_chunks,
    merge_chunks,
    spread_columns,
)
from parsers.identities import OrdinalCounter, digests_of, identify_payments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["LINE_KINDS", "PAYMENT_KINDS", "GatheredRows"]

_IDENTITY: Final = (
    "bank_account",
    "booking_date",
    "value_date",
    "amount_minor",
    "currency",
    "type_code",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "payer_name",
    "payer_account",
    "remittance_text",
    "original_reference",
)
"""The facts a payment is known by. A column that is added later does not change old identities."""

_GIVEN: Final = ("payment_id", "file_id", "source_file", "source_format", "company_id")
PAYMENT_KINDS: Final = column_kinds(
    schemas.PAYMENT, [name for name in schemas.PAYMENT.names if name not in _GIVEN]
)
"""What a reader tells of a payment."""

LINE_KINDS: Final = column_kinds(
    schemas.REMITTANCE_LINE,
    (
        *("reference", "reference_kind", "amount_minor", "discount_minor"),
        *("deduction_minor", "deduction_reason", "source"),
    ),
)
"""What a reader tells of a remittance line."""

_FACT_SEPARATOR, _REFERENCES = "\x1f", "\x1e"


class _Settled(NamedTuple):
    """Payments, and their lines in the order of the payments.

    `digests` are those of what the payments say, which `facts` give again. `owners` are the lines'
    payments, counted in the file.
    """

    payments: list[ColumnChunk]
    facts: list[Callable[[], pa.Array]]
    digests: bytes
    owners: NDArray[np.int64]
    lines: ColumnChunk | None


class GatheredRows:
    """Payments, known by their index in the file, and lines by the index of their payment."""

    def __init__(self) -> None:
        """No row yet."""
        self._payments: list[ColumnChunk] = []
        self._lines: list[ColumnChunk] = []
        self._owners: list[NDArray[np.int64]] = []
        self._settled: list[_Settled] = []
        self._ordinals = OrdinalCounter()
        self._given_count = 0
        self.unsettled_count = 0
        self.payment_count = 0
        self.line_count = 0

    @property
    def next_index(self) -> int:
        """The index of the next payment."""
        return self._given_count + self.payment_count

    def add_payments(self, chunk: ColumnChunk) -> None:
        """Add payments of `PAYMENT_KINDS`."""
        self._payments.append(chunk)
        self.unsettled_count += chunk.rows
        self.payment_count += chunk.rows

    def add_lines(self, owners: NDArray[np.int64], chunk: ColumnChunk) -> None:
        """Add lines of `LINE_KINDS`; `owners` are the indices of payments not settled yet."""
        self._owners.append(owners)
        self._lines.append(chunk)
        self.line_count += chunk.rows

    def settle(self) -> None:
        """Hash what the payments say; no line may be added to them any more."""
        if not self._payments:
            return
        owners = np.empty(0, np.int64)
        lines = None
        if self._lines:
            owners, lines = np.concatenate(self._owners), merge_chunks(self._lines, LINE_KINDS)
            if (owners[1:] < owners[:-1]).any():
                order = np.argsort(owners, kind="stable")
                owners, lines = owners[order], lines.take(order)
        facts = self._facts(owners, lines)
        digests = b"".join([digests_of(piece()) for piece in facts])
        self._settled.append(_Settled(self._payments, facts, digests, owners, lines))
        self._payments, self._lines, self._owners = [], [], []
        self.unsettled_count = 0

    def give(self, file_columns: Mapping[str, pa.Scalar]) -> tuple[PaymentBatch, RemittanceBatch]:
        """All payments and lines since the last call; `file_columns` are the same for all."""
        self.settle()
        settled, rows, first = self._settled, self.payment_count, self._given_count
        self._settled = []
        self._given_count += rows
        self.payment_count = self.line_count = 0
        if not rows:
            return PaymentBatch.empty(), RemittanceBatch.empty()
        payments = join_chunks([chunk for one in settled for chunk in one.payments], PAYMENT_KINDS)
        identities = identify_payments(
            b"".join([one.digests for one in settled]),
            [piece for one in settled for piece in one.facts],
            self._ordinals,
        )
        given = spread_columns(file_columns, rows)
        batch = PaymentBatch.from_distinct(payments | given | {"payment_id": identities})
        chunks = [one.lines for one in settled if one.lines is not None]
        if not chunks:
            return batch, RemittanceBatch.empty()
        owners = np.concatenate([one.owners for one in settled]) - first
        owner = pa.array(owners)
        owned = {
            "payment_id": arrow.take(identities, owner),
            "currency": arrow.take(payments["currency"], owner),
            "line_number": _numbers_in_runs(owners),
        }
        return batch, RemittanceBatch.from_distinct(owned | join_chunks(chunks, LINE_KINDS))

    def _facts(
        self, owners: NDArray[np.int64], lines: ColumnChunk | None
    ) -> list[Callable[[], pa.Array]]:
        """What each payment that is not settled yet is known by, chunk by chunk."""
        joined: pa.Array | None = None
        if lines is not None:
            first = self.next_index - self.unsettled_count
            counts = np.bincount(owners - first, minlength=self.unsettled_count)
            bounds = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
            references = join_chunks([lines], {"reference": LINE_KINDS["reference"]})["reference"]
            lists = pa.ListArray.from_arrays(bounds, references, mask=pa.array(counts == 0))
            joined = arrow.binary_join(lists, _FACT_SEPARATOR)
        facts: list[Callable[[], pa.Array]] = []
        start = 0
        for chunk in self._payments:
            more = None if joined is None else joined.slice(start, chunk.rows)
            facts.append(partial(facts_of, chunk, _IDENTITY, _FACT_SEPARATOR, _REFERENCES, more))
            start += chunk.rows
        return facts


def _numbers_in_runs(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """1, 2, 3 … within each run of equal values."""
    heads = np.searchsorted(ascending, ascending)
    return np.arange(1, len(ascending) + 1) - heads
