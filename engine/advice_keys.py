"""Which payment a line of remittance advice names: its keys, from certain to likely.

The payment's own id; the bank's reference; UETR; trace number; the advice's own id; end-to-end id;
check number with the amount; payer name with the amount. A key that several payments share counts
where amount, or amount and date, tell one of them apart. Returned payments are never meant: their
references are those of the payment that came back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import ADVICE_SCALE
from engine.money import exponents_of
from engine.names import normalise_names
from engine.owner_table import NOBODY, OwnerTable
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from engine.batches import AdviceBatch, PaymentBatch

__all__ = ["advice_scale", "payments_of_lines"]

_CERTAIN: Final = (
    ("bank_reference", "payment_reference"),
    ("uetr", "uetr"),
    ("trace_number", "trace_number"),
    ("remittance_id", "remittance_id"),
    ("end_to_end_id", "end_to_end_id"),
)
"""Columns of a payment, and of an advice, that name it by themselves."""

_WITH_AMOUNT: Final = (
    ("customer_reference", "payment_reference"),
    ("customer_reference", "trace_number"),
    ("bank_reference", "trace_number"),
    ("customer_reference", "end_to_end_id"),
    ("check_number", "check_number"),
)
"""Columns that name a payment together with its amount: banks put the payer's number where it
fits, and two payers may write checks of one number."""

_MARK: Final = "\x1f"


class _Side(msgspec.Struct, frozen=True):
    """Payments or advice lines as text: amount and dates, empty where not said."""

    amount: pa.StringArray
    value_date: pa.StringArray
    booking_date: pa.StringArray

    def take(self, rows: pa.Array) -> _Side:
        """The given rows."""
        return _Side(*(getattr(self, name).take(rows) for name in self.__struct_fields__))


class _Key(msgspec.Struct, frozen=True):
    """One way to name a payment: the key of every payment, and of the given lines, made on demand.

    narrowed: by which columns of the sides it must agree besides.
    """

    ours: Callable[[], pa.StringArray]
    theirs: Callable[[pa.Array], pa.StringArray]
    narrowed: tuple[str, ...] = ()


def payments_of_lines(
    payments: PaymentBatch, advices: AdviceBatch
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Payment row of each line by its best key, `NOBODY` or `SEVERAL`; whether by its own id.

    A line that has found its payment is not looked at again: most lines need the first key only.
    """
    rows = np.arange(len(payments), dtype=np.int64)
    own = OwnerTable.of(payments.text("payment_id"), rows).look_up(
        advices.text("payment_reference")
    )
    payment = _compatible(payments, advices, own)
    by_own_id = payment >= 0
    ours, theirs = _sides(payments, advices)
    for key in _keys(payments, advices):
        left = (payment < 0).nonzero()[0]
        if not len(left):
            break
        lines = pa.array(left)
        wanted, side = key.theirs(lines), theirs.take(lines)
        for name in key.narrowed:
            wanted = _both(wanted, getattr(side, name))
        if not pc.any(pc.not_equal(wanted, "")).as_py():
            continue
        keys = key.ours()
        for name in key.narrowed:
            keys = _both(keys, getattr(ours, name))
        found = OwnerTable.of(keys, rows).look_up(wanted)
        found = _compatible(payments, advices.take(left), found)
        payment[left] = np.where(found == NOBODY, payment[left], found)
    return payment, by_own_id


def advice_scale(payments: PaymentBatch) -> NDArray[np.int64]:
    """Units of an advice's amounts in one minor unit of each payment's currency."""
    exponents = exponents_of(payments.text("currency"))
    return np.power(np.int64(10), ADVICE_SCALE - exponents)


def _compatible(
    payments: PaymentBatch, advices: AdviceBatch, payment: NDArray[np.int64]
) -> NDArray[np.int64]:
    """`payment`, or `NOBODY` where the advice names another currency or another UETR."""
    if not len(payments):
        return payment
    at = pa.array(np.maximum(payment, 0))
    differs = np.zeros(len(payment), dtype=np.bool_)
    for name in ("currency", "uetr"):
        stated = pc.utf8_lower(advices.text(name))
        actual = pc.utf8_lower(payments.text(name)).take(at)
        both = pc.and_(pc.not_equal(stated, ""), pc.not_equal(actual, ""))
        differs |= pc.and_(both, pc.not_equal(stated, actual)).to_numpy(zero_copy_only=False)
    return np.where((payment >= 0) & differs, np.int64(NOBODY), payment)


def _sides(payments: PaymentBatch, advices: AdviceBatch) -> tuple[_Side, _Side]:
    cash = payments.int64("amount_minor")
    dates = [_date_texts(payments.record_batch.column(n)) for n in ("value_date", "booking_date")]
    ours = _Side(pa.array(cash * advice_scale(payments)).cast(pa.string()), *dates)
    stated_date = _date_texts(advices.record_batch.column("payment_date"))
    return ours, _Side(_stated_amounts(advices), stated_date, stated_date)


def _keys(payments: PaymentBatch, advices: AdviceBatch) -> Iterator[_Key]:
    """Every key, from certain to likely."""
    received = pa.array(payments.int64("amount_minor") > 0)

    def of_payments(name: str) -> Callable[[], pa.StringArray]:
        return lambda: pc.if_else(received, _as_key(name, payments.text(name)), "")

    def of_lines(name: str) -> Callable[[pa.Array], pa.StringArray]:
        return lambda rows: _as_key(name, advices.text(name).take(rows))

    for mine, its in _CERTAIN:
        yield _Key(of_payments(mine), of_lines(its))
        yield from _narrowed(of_payments(mine), of_lines(its))
    for mine, its in _WITH_AMOUNT:
        yield from _narrowed(of_payments(mine), of_lines(its))
    # A check's number alone counts only where the advice does not say another amount.
    silent = advices.record_batch.column("payment_amount_minor").is_null()
    number = of_lines("check_number")
    yield _Key(
        of_payments("check_number"), lambda rows: pc.if_else(silent.take(rows), number(rows), "")
    )
    yield from _names(payments, advices, received)


def _names(
    payments: PaymentBatch, advices: AdviceBatch, received: pa.BooleanArray
) -> Iterator[_Key]:
    """Payers' names in full; then without legal form where one side names none."""
    mine = normalise_names(payments.text("payer_name"))
    its = normalise_names(advices.text("payer_name"))
    formless = pc.if_else(pa.array(mine.form == 0), mine.core, "")
    formless_lines = pc.if_else(pa.array(its.form == 0), its.core, "")
    for ours, theirs in (
        (mine.full, its.full),
        (mine.core, formless_lines),
        (formless, its.core),
    ):
        yield from _narrowed(_shown(ours, received), theirs.take)


def _shown(names: pa.StringArray, received: pa.BooleanArray) -> Callable[[], pa.StringArray]:
    return lambda: pc.if_else(received, names, "")


def _as_key(name: str, texts: pa.StringArray) -> pa.StringArray:
    """The text without what writers of that number differ in: case, zeros in front."""
    if name == "uetr":
        return pc.utf8_lower(texts)
    return pc.utf8_ltrim(texts, "0") if name == "check_number" else texts


def _date_texts(dates: pa.Array) -> pa.StringArray:
    return pc.fill_null(dates.cast(pa.string()), "")


def _stated_amounts(advices: AdviceBatch) -> pa.StringArray:
    """The payment's amount as the advice states it, else as its lines add up to, as text."""
    columns = [advices.text(name).dictionary_encode() for name in ("remittance_id", "file_id")]
    codes = [column.indices.to_numpy(zero_copy_only=False).astype(np.int64) for column in columns]
    first = first_of_runs(*codes, advices.int64("advice_number"))
    advice = first.cumsum() - 1
    total = segment_sum(advices.int64("amount_minor"), advice, int(first.sum()))
    silent = segment_sum(advices.is_null("amount_minor").astype(np.int64), advice, int(first.sum()))
    added_up = pa.array(total[advice], mask=silent[advice] > 0)
    stated = pc.coalesce(advices.record_batch.column("payment_amount_minor"), added_up)
    return pc.fill_null(stated.cast(pa.string()), "")


def _narrowed(
    ours: Callable[[], pa.StringArray], theirs: Callable[[pa.Array], pa.StringArray]
) -> Iterator[_Key]:
    """The key with the amount, then with amount and a date."""
    for names in (("amount",), ("amount", "value_date"), ("amount", "booking_date")):
        yield _Key(ours, theirs, names)


def _both(left: pa.StringArray, right: pa.StringArray) -> pa.StringArray:
    """Both texts as one key; empty where either is."""
    joined = pc.binary_join_element_wise(left, right, _MARK)
    return pc.if_else(pc.or_(pc.equal(left, ""), pc.equal(right, "")), "", joined)
