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
from parsers.x12_remittance import decimal_minor
from parsers.x12_totals import NO_RULE, SUM_RULES, settle_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector
    from parsers.x12_lines import LineColumns

__all__ = ["OrderRows", "add_advice_lines", "add_lines", "read_amount"]

_UNKNOWN_AMOUNT: Final = np.iinfo(np.int64).min
_KEYS: Final = ("trace_number", "check_number", "payer_name", "remittance_id", "currency")
_NO_NAME: Final = "advice"
_NO_ROW: Final = -1


def read_amount(order: Order) -> None:
    """Put the amount of BPR into the order, once its currency is known."""
    order.amount = decimal_minor(order.element(2), order.exponent)


class OrderRows:
    """Puts orders into a collector, in their order."""

    def __init__(self, collector: FileCollector) -> None:
        """Add rows to `collector`."""
        self._collector = collector

    def add(self, entries: Sequence[Order | Callable[[], None]], lines: LineColumns) -> None:
        """Add orders, which own `lines` by their ranges, and what was said between them."""
        orders = [entry for entry in entries if isinstance(entry, Order)]
        settled = settle_lines(
            lines,
            np.array([order.first_line for order in orders], np.int64),
            np.array([order.stop_line for order in orders], np.int64),
            np.array(
                [_UNKNOWN_AMOUNT if one.amount is None else one.amount for one in orders], np.int64
            ),
        )
        facts = zip(
            settled.rule.tolist(),
            settled.computed.tolist(),
            settled.has_lines.tolist(),
            settled.is_complete.tolist(),
            strict=True,
        )
        payments: list[dict[str, Any]] = []
        advices: list[dict[str, Any]] = []
        target: list[int] = []
        for entry in entries:
            if not isinstance(entry, Order):
                entry()
                continue
            rule, computed, has_lines, complete = next(facts)
            self._check(entry, rule, computed, has_lines=has_lines, is_complete=complete)
            kind = self._judge(entry, has_lines=has_lines)
            target.append(_NO_ROW)
            if kind == "payment":
                target[-1] = len(payments)
                payments.append(_payment(entry))
            elif kind == "advice" and has_lines:
                target[-1] = -2 - len(advices)
                advices.append(self._advice(entry))
            elif kind == "debit":
                self._collector.count("debit")
            if entry.said:
                self._speak(entry)
        of_line = np.array(target, np.int64)[settled.owner]
        if payments:
            names = payments[0]
            first = self._collector.add_payments(
                {name: [row[name] for row in payments] for name in names}
            )
            rows = np.flatnonzero(of_line >= 0)
            add_lines(self._collector, settled.lines, rows, first + of_line[rows], "structured")
        if advices:
            rows = np.flatnonzero(of_line < _NO_ROW)
            add_advice_lines(self._collector, advices, settled.lines, rows, -2 - of_line[rows])
        unused = int((of_line == _NO_ROW).sum())
        if unused:
            self._collector.count("debit_detail", unused)

    def _check(
        self, order: Order, rule: int, computed: int, *, has_lines: bool, is_complete: bool
    ) -> None:
        """Compare the amount with the sum of the lines; where none fits, the payment is held."""
        if not has_lines or order.amount is None:
            return
        ok = rule != NO_RULE or not is_complete
        said = SUM_RULES[rule] if rule != NO_RULE else ""
        self._collector.check(
            scope=f"payment order {order.trace or order.control}".rstrip(),
            kind="sum",
            declared=order.amount,
            computed=computed,
            ok=ok,
            rule=said if said or not ok else "lines without an amount",
        )
        if not ok:
            message = f"the order pays {order.element(2)}, its lines give {computed} minor units"
            order.say("EDI-SUM", message, value=order.element(2), expected=str(computed))
            order.codes.append("IN-TOTAL")

    def _judge(self, order: Order, *, has_lines: bool) -> str:
        """What kind of rows the order gives; doubts about it are said and held."""
        if not order.beginning:
            if has_lines:
                message = "remittance lines have no payment order (BPR) before them"
                order.say("EDI-ORDER", message, expected="BPR")
            return "advice"
        if order.currency and order.currency not in CURRENCY_EXPONENTS:
            message = f"currency {order.currency!r} is no ISO 4217 code"
            order.say("EDI-CURRENCY", message, value=order.currency, expected="such as USD")
            order.codes.append("IN-CCY")
            order.currency = ""
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
