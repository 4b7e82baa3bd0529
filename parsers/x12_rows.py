"""Closed X12 orders to rows: payments with their lines, advice, debits that are only counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.batches import ADVICE_SCALE
from engine.money import CURRENCY_EXPONENTS
from parsers.x12_lines import LINE_KINDS
from parsers.x12_orders import Order, nature_of, order_columns
from parsers.x12_ordinary import OrdinarySet
from parsers.x12_remittance import decimal_minor
from parsers.x12_totals import NO_RULE, SUM_RULES, settle_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector
    from parsers.x12_lines import LineColumns

__all__ = ["Closed", "OrderRows", "add_advice_lines", "add_lines", "read_amount"]

_UNKNOWN_AMOUNT: Final = np.iinfo(np.int64).min
_KEYS: Final = ("trace_number", "check_number", "payer_name", "remittance_id", "currency")
_NO_NAME: Final = "advice"
_NO_ROW: Final = -1
_FIRST_ADVICE: Final = -2

Closed = Order | OrdinarySet
"""What ends in a window: an order that was walked, or a set that needed no walking."""


def read_amount(order: Order) -> None:
    """Put the amount of BPR into the order, once its currency is known."""
    order.amount = decimal_minor(order.element(2), order.exponent)


class _Sum(msgspec.Struct, frozen=True):
    """What the lines of an order give, and by which rule."""

    rule: int
    computed: int
    has_lines: bool
    is_complete: bool

    @property
    def is_ok(self) -> bool:
        """Whether the lines give the amount, or cannot tell."""
        return not self.has_lines or self.rule != NO_RULE or not self.is_complete


class _Rows(msgspec.Struct):
    """Rows in the making; `target` has per order its payment's index, `_NO_ROW`, or for advice
    `_FIRST_ADVICE` and below.
    """

    payments: list[dict[str, Any] | OrdinarySet] = []  # msgspec copies mutable defaults
    advices: list[dict[str, Any]] = []  # msgspec copies mutable defaults
    target: list[int] = []  # msgspec copies mutable defaults


class OrderRows:
    """Puts orders into a collector, in their order."""

    def __init__(self, collector: FileCollector) -> None:
        """Add rows to `collector`."""
        self._collector = collector

    def add(self, entries: Sequence[Closed | Callable[[], None]], lines: LineColumns) -> None:
        """Add orders, which own `lines` by their ranges, and what was said between them."""
        orders = [entry for entry in entries if isinstance(entry, Order | OrdinarySet)]
        amounts = [_UNKNOWN_AMOUNT if one.amount is None else one.amount for one in orders]
        settled = settle_lines(
            lines,
            np.array([order.first_line for order in orders], np.int64),
            np.array([order.stop_line for order in orders], np.int64),
            np.array(amounts, np.int64),
        )
        sums = zip(
            settled.rule.tolist(),
            settled.computed.tolist(),
            settled.has_lines.tolist(),
            settled.is_complete.tolist(),
            strict=True,
        )
        rows = _Rows()
        for entry in entries:
            if isinstance(entry, Order):
                self._add_order(entry, _Sum(*next(sums)), rows)
            elif isinstance(entry, OrdinarySet):
                self._add_ordinary(entry, _Sum(*next(sums)), rows)
            else:
                entry()
        of_line = np.array(rows.target, np.int64)[settled.owner]
        if rows.payments:
            first = self._collector.add_payments(_payment_columns(rows.payments))
            of = np.flatnonzero(of_line >= 0)
            add_lines(self._collector, settled.lines, of, first + of_line[of], "structured")
        if rows.advices:
            of = np.flatnonzero(of_line < _NO_ROW)
            owner = _FIRST_ADVICE - of_line[of]
            add_advice_lines(self._collector, rows.advices, settled.lines, of, owner)
        unused = int((of_line == _NO_ROW).sum())
        if unused:
            self._collector.count("debit_detail", unused)

    def _add_ordinary(self, entry: OrdinarySet, sums: _Sum, rows: _Rows) -> None:
        """A set that needs no walking, unless its lines do not give its amount."""
        sets, at = entry.sets, entry.number
        count = sets.counts[at]
        self._collector.check(
            scope=f"transaction set 820 {sets.controls[at]}",
            kind="segments",
            declared=count,
            computed=int(count),
            ok=True,
        )
        if not sums.is_ok:
            self._add_order(entry.order(), sums, rows)
            return
        self._check(sets.traces[at] or sets.controls[at], entry.amount, sums)
        rows.target.append(len(rows.payments))
        rows.payments.append(entry)

    def _add_order(self, order: Order, sums: _Sum, rows: _Rows) -> None:
        """An order that was walked; a sum that does not fit holds its payment."""
        if order.amount is not None:
            self._check(order.trace or order.control, order.amount, sums)
            if not sums.is_ok:
                message = f"the order pays {order.element(2)}, its lines give {sums.computed}"
                message += " minor units"
                order.say("EDI-SUM", message, value=order.element(2), expected=str(sums.computed))
                order.codes.append("IN-TOTAL")
        kind = self._judge(order, has_lines=sums.has_lines)
        rows.target.append(_NO_ROW)
        if kind == "payment":
            rows.target[-1] = len(rows.payments)
            rows.payments.append(_payment(order))
        elif kind == "advice" and sums.has_lines:
            rows.target[-1] = _FIRST_ADVICE - len(rows.advices)
            rows.advices.append(self._advice(order))
        elif kind == "debit":
            self._collector.count("debit")
        if order.said:
            self._speak(order)

    def _check(self, name: str, amount: int, sums: _Sum) -> None:
        """Record the sum of an order's lines beside its amount."""
        if sums.has_lines:
            said = SUM_RULES[sums.rule] if sums.rule != NO_RULE else ""
            self._collector.check(
                scope=f"payment order {name}".rstrip(),
                kind="sum",
                declared=amount,
                computed=sums.computed,
                ok=sums.is_ok,
                rule=said if said or not sums.is_ok else "lines without an amount",
            )

    def _judge(self, order: Order, *, has_lines: bool) -> str:
        """What kind of rows the order gives; doubts about it are said and held."""
        if order.currency and order.currency not in CURRENCY_EXPONENTS:
            message = f"currency {order.currency!r} is no ISO 4217 code"
            order.say("EDI-CURRENCY", message, value=order.currency, expected="such as USD")
            order.codes.append("IN-CCY")
            order.currency = ""
        if not order.beginning:
            if has_lines:
                message = "remittance lines have no payment order (BPR) before them"
                order.say("EDI-ORDER", message, expected="BPR")
            return "advice"
        if order.amount is None:
            token = order.element(2)
            message = f"the amount {token!r} of the order is no number, or too large"
            order.say("EDI-AMOUNT", message, value=token, expected="such as 1234.50")
            if nature_of(msgspec.structs.replace(order, amount=1)).kind == "payment":
                self._collector.hold_file("IN-TOTAL")
        nature = nature_of(order)
        if nature.code:
            order.codes.append(nature.code)
            message = f"handling {order.element(1)!r} with flag {order.element(3)!r} is unknown"
            code = "EDI-HANDLING"
            if nature.code == "IN-SIGN":
                code, message = "EDI-SIGN", f"the order pays the negative amount {order.element(2)}"
            order.say(code, message, value=order.element(1))
        return nature.kind

    def _speak(self, order: Order) -> None:
        """Give what was noticed within the order, in the order of the file."""
        for remark in sorted(order.said, key=lambda one: one.where):
            offset, line, length = remark.where
            self._collector.diagnose(
                remark.code,
                remark.message,
                line=line,
                offset=offset,
                within=length,
                value=remark.value,
                expected=remark.expected,
            )

    def _advice(self, order: Order) -> dict[str, Any]:
        """The key of an advice: its own name, then everything its payment may be found by."""
        columns = order_columns(order)
        currency = order.currency or order.fallback
        scale = 10 ** (ADVICE_SCALE - CURRENCY_EXPONENTS[currency])
        return {
            "remittance_id": order.trace or order.control or _NO_NAME,
            "currency": currency,
            "payment_amount_minor": order.amount * scale if order.amount else None,
            "payment_date": columns["value_date"],
            "scale": scale,
        } | {key: columns[key] for key in ("trace_number", "check_number", "payer_name")}


def add_advice_lines(
    collector: FileCollector,
    advices: Sequence[dict[str, Any]],
    lines: LineColumns,
    rows: Offsets,
    owner: Offsets,
) -> None:
    """Add the lines `rows` to advices, by the index of each in `advices`: their keys and the
    `scale` from minor units to four decimals.
    """
    if not len(rows):
        return
    scale = np.array([row["scale"] for row in advices])[owner]
    of = pa.array(owner)
    text = {key: pa.array([row[key] for row in advices], pa.string()) for key in _KEYS}
    heads = np.searchsorted(owner, owner)
    amounts = pa.array([row["payment_amount_minor"] for row in advices], pa.int64())
    dates = pa.array([row["payment_date"] for row in advices], pa.date32())
    collector.add_advices(
        {name: values.take(of) for name, values in text.items()}
        | {
            "advice_number": owner + 1,
            "line_number": np.arange(1, len(owner) + 1) - heads,
            "payment_amount_minor": amounts.take(of),
            "payment_date": dates.take(of),
            "reference": lines.reference.take(pa.array(rows)),
            "reference_kind": _kinds(lines, rows),
            "amount_minor": pa.array(lines.amount[rows] * scale, mask=~lines.given[rows]),
            "discount_minor": lines.discount[rows] * scale,
            "deduction_minor": lines.deduction[rows] * scale,
            "deduction_reason": lines.reason.take(pa.array(rows)),
        }
    )


def add_lines(
    collector: FileCollector, lines: LineColumns, rows: Offsets, payments: Offsets, source: str
) -> None:
    """Add the lines `rows` to the payments of those indices."""
    if not len(rows):
        return
    whole = len(rows) == len(lines)
    at = pa.array(rows)
    collector.add_remittances(
        payments,
        {
            "reference": lines.reference if whole else lines.reference.take(at),
            "reference_kind": _kinds(lines, rows),
            "amount_minor": pa.array(lines.amount[rows], mask=~lines.given[rows]),
            "discount_minor": lines.discount[rows],
            "deduction_minor": lines.deduction[rows],
            "deduction_reason": lines.reason if whole else lines.reason.take(at),
            "source": pa.repeat(source, len(rows)),
        },
    )


def _kinds(lines: LineColumns, rows: Offsets) -> pa.StringArray:
    return pa.array(LINE_KINDS, pa.string()).take(pa.array(lines.kind[rows]))


def _payment(order: Order) -> dict[str, Any]:
    """All columns of a payment."""
    columns = order_columns(order)
    codes = set(order.codes)
    if columns["booking_date"] is None:
        codes.add("IN-DATE")
        order.say("EDI-DATE", "the order has no date of payment", expected="BPR16 as CCYYMMDD")
    return columns | {
        "amount_minor": order.amount,
        "currency": order.currency or order.fallback,
        "intake_codes": ";".join(sorted(codes)),
        "source_line": order.line,
        "source_offset": order.offset,
        "source_length": order.end - order.offset,
    }


def _payment_columns(rows: Sequence[dict[str, Any] | OrdinarySet]) -> dict[str, Any]:
    """Columns of payments: rows of walked orders in their places among those of ordinary sets."""
    ordinary = [row for row in rows if isinstance(row, OrdinarySet)]
    walked = [row for row in rows if not isinstance(row, OrdinarySet)]
    if not ordinary:
        return {name: [row[name] for row in walked] for name in walked[0]}
    columns = ordinary[0].sets.columns
    at = pa.array([row.number for row in ordinary])
    if len(ordinary) != len(columns["amount_minor"]):
        columns = {name: values.take(at) for name, values in columns.items()}
    if not walked:
        return columns
    places = np.argsort([isinstance(row, dict) for row in rows], kind="stable")
    order = pa.array(np.argsort(places, kind="stable"))
    return {
        name: pa.concat_arrays([values, pa.array([row[name] for row in walked], values.type)]).take(
            order
        )
        for name, values in columns.items()
    }
