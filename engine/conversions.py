"""Payments that settle items of another currency, by what policy declares.

A payment that names items of its payer, all of one other currency, is matched in that currency:
with the amount the bank says was instructed, or with what the items named are worth where the
declared rate of the day agrees. Everything behind (discounts, tolerances, sums) then happens in the
items' currency; what the payment itself gives up is worked out at the end, to the cent.
"""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE, PaymentBatch, RemittanceBatch
from engine.money import exponent_of
from engine.open_item_index import OPEN
from engine.references import read_references
from engine.segments import segment_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.match_input import MapOrdered
    from engine.open_item_index import OpenItemIndex
    from engine.policy_exchange import Exchange
    from engine.reference_slots import ReadReferences

__all__ = ["Conversions", "Told", "find_conversions", "read_converted"]

_EPOCH = datetime.date(1970, 1, 1)


class Conversions(msgspec.Struct, frozen=True, kw_only=True):
    """Converted payments: row, what was paid in which currency (code), and what that is in the
    items' currency (code); distinct rows in ascending order.
    """

    payment: NDArray[np.int64]
    paid: NDArray[np.int64]
    paid_in: NDArray[np.int64]
    cash: NDArray[np.int64]
    items_in: NDArray[np.int64]

    @classmethod
    def of(cls, found: Sequence[tuple[int, int, int, int, int]]) -> Self:
        """Of (row, paid, currency, cash, currency of items), in whatever order."""
        table = np.array(sorted(found), dtype=np.int64).reshape(len(found), 5)
        names = ("payment", "paid", "paid_in", "cash", "items_in")
        return cls(**dict(zip(names, table.T, strict=True)))

    def __len__(self) -> int:
        """Number of converted payments."""
        return len(self.payment)

    def translate(self, payments: PaymentBatch, currencies: Sequence[str]) -> PaymentBatch:
        """`payments` as they are matched: amounts in the items' currency, no charges beside."""
        if not len(self):
            return payments
        batch = payments.record_batch
        columns = {name: batch.column(name) for name in PaymentBatch.SCHEMA.names}
        columns["amount_minor"] = pa.array(self.matched(payments.int64("amount_minor"), self.cash))
        converted = np.zeros(len(payments), dtype=np.bool_)
        converted[self.payment] = True
        names = np.array([*currencies], dtype=object)
        text = np.array(payments.text("currency").to_pylist(), dtype=object)
        text[self.payment] = names[self.items_in]
        columns["currency"] = pa.array(text, pa.string())
        nothing = pa.scalar(None, pa.int64())
        columns["charges_minor"] = pc.if_else(
            pa.array(converted), nothing, columns["charges_minor"]
        )
        return PaymentBatch.from_columns(columns)

    def matched(self, values: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
        """`values` (one per payment) with those of converted payments replaced by `own`."""
        replaced = values.copy()
        replaced[self.payment] = own
        return replaced

    def spent(self, applied: NDArray[np.int64]) -> NDArray[np.int64]:
        """What `applied` (per payment, as matched) takes of each payment, in its own currency."""
        own = [
            _share(int(applied[row]), paid, cash)
            for row, paid, cash in zip(
                self.payment.tolist(), self.paid.tolist(), self.cash.tolist(), strict=True
            )
        ]
        return self.matched(applied, np.array(own, dtype=np.int64))

    def legs(
        self, payment: NDArray[np.int64], group: NDArray[np.int64], cash: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Rows of converted payments, what each takes of its payment, and the currency of that.

        Rows of one `group` (a set of items) stand together; their parts add up to what all of them
        take, because each is the difference of two rounded running sums.
        """
        place = self.payment.searchsorted(payment)
        place = np.minimum(place, max(len(self) - 1, 0))
        converted = (
            self.payment[place] == payment if len(self) else np.zeros(len(payment), dtype=np.bool_)
        )
        leg = np.zeros(len(payment), dtype=np.int64)
        before, running = -1, 0
        for row in converted.nonzero()[0].tolist():
            at = int(place[row])
            if int(group[row]) != before:
                before, running = int(group[row]), 0
            paid, whole = int(self.paid[at]), int(self.cash[at])
            leg[row] = _share(running + int(cash[row]), paid, whole) - _share(running, paid, whole)
            running += int(cash[row])
        money = self.paid_in[place] if len(self) else leg
        return converted, leg, np.where(converted, money, 0)


def _share(part: int, paid: int, whole: int) -> int:
    """`part` of `whole` as a share of `paid`, rounded to the nearest minor unit."""
    return (2 * part * paid + whole) // (2 * whole)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What references were read from, and who is known to have paid."""

    payments: PaymentBatch
    remittances: RemittanceBatch
    line_payment: NDArray[np.int64]
    company: NDArray[np.int64]
    family: NDArray[np.int64]
    currency: NDArray[np.int64]
    currencies: list[str]

    def read(
        self, index: OpenItemIndex, sisters: NDArray[np.bool_], map_ordered: MapOrdered = map
    ) -> ReadReferences:
        """The references in it."""
        return read_references(
            self.payments,
            self.remittances,
            self.line_payment,
            self.company,
            self.family,
            self.currency,
            index,
            sisters,
            map_ordered,
        )

    def converted(self, conversions: Conversions) -> Told:
        """The same with converted payments as they are matched; of their lines only amounts in the
        items' currency, or that add up in it, are kept.
        """
        payments = conversions.translate(self.payments, self.currencies)
        currency = conversions.matched(self.currency, conversions.items_in)
        lines = self.remittances
        named = payments.text("currency").take(pa.array(self.line_payment))
        amount = lines.record_batch.column("amount_minor")
        stated = pc.fill_null(amount, 0).to_numpy(zero_copy_only=False).astype(np.int64)
        foots = segment_sum(stated, self.line_payment, len(payments))
        foots = foots == payments.int64("amount_minor")
        strange = np.isin(self.line_payment, conversions.payment) & ~foots[self.line_payment]
        strange &= pc.not_equal(lines.text("currency"), named).to_numpy(zero_copy_only=False)
        nothing = pa.scalar(None, pa.int64())
        columns = {name: lines.record_batch.column(name) for name in RemittanceBatch.SCHEMA.names}
        columns["amount_minor"] = pc.if_else(pa.array(strange), nothing, amount)
        return msgspec.structs.replace(
            self,
            payments=payments,
            currency=currency,
            remittances=RemittanceBatch.from_columns(columns, len(lines)),
        )

    def in_currency(self, rows: NDArray[np.int64], code: int) -> Told:
        """The given payments alone, as if they were of another currency."""
        place = np.full(len(self.payments), -1)
        place[rows] = np.arange(len(rows))
        lines = (place[self.line_payment] >= 0).nonzero()[0]
        return Told(
            payments=self.payments.take(rows),
            remittances=self.remittances.take(lines),
            line_payment=place[self.line_payment[lines]],
            company=self.company[rows],
            family=self.family[rows],
            currency=np.full(len(rows), code, dtype=np.int64),
            currencies=self.currencies,
        )


def read_converted(
    told: Told,
    index: OpenItemIndex,
    sisters: NDArray[np.bool_],
    exchange: Exchange,
    map_ordered: MapOrdered = map,
) -> tuple[Told, ReadReferences, Conversions]:
    """What is told as it is matched, the references in it, and what was converted."""
    read = told.read(index, sisters, map_ordered)
    conversions = find_conversions(told, read, index, sisters, exchange)
    if not len(conversions):
        return told, read, conversions
    told = told.converted(conversions)
    return told, told.read(index, sisters, map_ordered), conversions


def find_conversions(
    told: Told,
    read: ReadReferences,
    index: OpenItemIndex,
    sisters: NDArray[np.bool_],
    exchange: Exchange,
) -> Conversions:
    """The payments of `told` that policy lets settle items of another currency (see module)."""
    declared = exchange.bank_amount or exchange.rates
    own = np.zeros(len(told.payments), dtype=np.bool_)
    own[read.slots.payment[(read.slots.item >= 0) & read.slots.family]] = True
    asking = (read.other_currency >= 0) & (told.payments.int64("amount_minor") > 0)
    asking &= (told.family >= 0) & ~own
    rows = asking.nonzero()[0]
    if not declared or not len(rows):
        return Conversions.of([])
    found: dict[int, list[tuple[int, int]]] = {}
    for code, name in enumerate(told.currencies):
        part = rows[told.currency[rows] != code]
        if not len(part):
            continue
        sub = told.in_currency(part, code)
        for place, options in _worth(sub, sub.read(index, sisters), index).items():
            cash = _cash(sub, place, name, options, exchange)
            if cash is not None:
                found.setdefault(int(part[place]), []).append((cash, code))
    amount = told.payments.int64("amount_minor")
    # Items of two currencies that both fit: nobody can tell which is meant.
    return Conversions.of(
        [
            (row, int(amount[row]), int(told.currency[row]), *several[0])
            for row, several in found.items()
            if len(several) == 1
        ]
    )


def _worth(told: Told, read: ReadReferences, index: OpenItemIndex) -> dict[int, set[int]]:
    """Per payment what the open items of the payer it names are worth: gross, or less discounts."""
    slots = read.slots
    named = (slots.item >= 0) & slots.family & (slots.strength > 1)
    pairs = sorted({*zip(slots.payment[named].tolist(), slots.item[named].tolist(), strict=True)})
    sums: dict[int, tuple[int, int]] = {}
    for payment, item in pairs:
        if index.status[item] != OPEN:
            continue
        in_time = _day(told.payments, payment) <= index.discount_day[item]
        offered = int(index.discount_minor[item]) if in_time else 0
        opened = int(index.open_minor[item])
        gross, net = sums.get(payment, (0, 0))
        sums[payment] = gross + opened, net + opened - offered
    return {payment: {gross, net} for payment, (gross, net) in sums.items() if net > 0}


def _cash(told: Told, row: int, name: str, options: set[int], exchange: Exchange) -> int | None:
    """The payment's amount in the currency `name`; None where nothing declared says so."""
    batch = told.payments.record_batch
    instructed = batch.column("instructed_minor")[row].as_py()
    stated_in = batch.column("instructed_currency")[row].as_py()
    if exchange.bank_amount and instructed and stated_in == name:
        return int(instructed)
    paid_in, day = batch.column("currency")[row].as_py(), _day(told.payments, row)
    if day == NO_DATE:
        return None
    rate = exchange.rate(paid_in, name, _EPOCH + datetime.timedelta(days=day))
    if rate is None:
        return None
    amount = Fraction(int(told.payments.int64("amount_minor")[row]), 10 ** exponent_of(paid_in))
    expected = amount * rate * 10 ** exponent_of(name)
    fits = [one for one in options if abs(expected - one) <= exchange.tolerance * one]
    return fits[0] if len(fits) == 1 else None


def _day(payments: PaymentBatch, row: int) -> int:
    """Day of value, else of booking."""
    day = int(payments.days("value_date")[row])
    return int(payments.days("booking_date")[row]) if day == NO_DATE else day
