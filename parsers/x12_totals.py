"""The remittance lines of payment orders against the amounts they declare, many orders at once.

Payers write adjustments in more than one way. The standard nets an ADX below an RMR into its amount
and lets one that stands by itself change the total; others let every ADX change the total, write
what they withhold without a sign, or write credit memos without one. The first rule by which the
lines give the declared amount holds, and says what cash each line has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import AMOUNT_MINOR_MAX
from parsers.x12_lines import LINE_KINDS, LineColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["NO_RULE", "SUM_RULES", "SettledLines", "settle_lines"]

SUM_RULES: Final = (
    "net + adjustments of their own",
    "net + every adjustment",
    "net - every adjustment",
    "net alone",
    "credit memos without a sign",
    "credit memos without a sign, every adjustment",
)
"""How the lines of an order may give its amount, by number; the first that does is taken."""

NO_RULE: Final = -1
"""No rule gives the declared amount."""

_BY_STANDARD, _ADDED, _TAKEN_OFF, _NET, _UNSIGNED, _UNSIGNED_ADDED = range(len(SUM_RULES))
_CREDIT: Final = LINE_KINDS.index("credit_memo")
_NO_KIND: Final = LINE_KINDS.index("")


class SettledLines(msgspec.Struct, frozen=True):
    """The final `lines`, of order `owner` each; per order the rule, the sum by it, whether it has
    lines at all and whether each of them names its amount.
    """

    lines: LineColumns
    owner: Offsets
    rule: Offsets
    computed: Offsets
    has_lines: NDArray[np.bool_]
    is_complete: NDArray[np.bool_]


def settle_lines(
    lines: LineColumns, starts: Offsets, stops: Offsets, declared: Offsets
) -> SettledLines:
    """Bring the `lines` of orders (ranges, ascending) into the form their totals ask for.

    Adjustments below an RMR become its deduction; where no rule fits, the standard's is taken.
    """

    def total(values: Offsets) -> Offsets:
        running = np.concatenate([[0], np.cumsum(values)])
        of_orders: Offsets = running[stops] - running[starts]
        return of_orders

    item = lines.is_item
    own, inner = ~item & ~lines.attached, ~item & lines.attached
    net, single, attached = (
        total(np.where(which, lines.amount, 0)) for which in (item, own, inner)
    )
    unsigned = item & lines.names_credit & (lines.amount > 0)
    twice = 2 * total(np.where(unsigned, lines.amount, 0))
    sums = np.stack(
        [
            net + single,
            net + single + attached,
            net - single - attached,
            net,
            net - twice + single,
            net - twice + single + attached,
        ]
    )
    fits = sums == declared
    rule = np.where(fits.any(axis=0), np.argmax(fits, axis=0), NO_RULE)
    taken = np.where(rule == NO_RULE, _BY_STANDARD, rule)
    owner = np.repeat(np.arange(len(starts)), stops - starts)
    whole = len(owner) == len(lines) and bool((starts[1:] == stops[:-1]).all())
    mine = lines if whole else _taken(lines, _ranges(starts, stops))
    final, kept = _rewritten(mine, taken[owner])
    return SettledLines(
        lines=final,
        owner=owner[kept],
        rule=rule,
        computed=sums[taken, np.arange(len(starts))],
        has_lines=stops > starts,
        is_complete=total((item & ~lines.given).astype(np.int64)) == 0,
    )


def _ranges(starts: Offsets, stops: Offsets) -> Offsets:
    """All rows of the ranges, one after the other."""
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    rows: Offsets = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return rows


def _taken(lines: LineColumns, rows: Offsets) -> LineColumns:
    columns = {name: getattr(lines, name) for name in LineColumns.__struct_fields__}
    return LineColumns(
        **{
            name: values.take(pa.array(rows)) if isinstance(values, pa.Array) else values[rows]
            for name, values in columns.items()
        }
    )


def _rewritten(lines: LineColumns, rule: Offsets) -> tuple[LineColumns, Offsets]:
    """The lines with cash and deductions by the `rule` of each, and which of them are left."""
    item = lines.is_item
    unsigned = (rule == _UNSIGNED) | (rule == _UNSIGNED_ADDED)
    turned = unsigned & item & lines.names_credit & (lines.amount > 0)
    if item.all():
        if turned.any():
            lines.amount = np.where(turned, -lines.amount, lines.amount)
        return lines, np.arange(len(lines))
    amount = np.where(turned, -lines.amount, lines.amount)
    own, inner = ~item & ~lines.attached, np.flatnonzero(~item & lines.attached)
    amount = np.where(own & (rule == _TAKEN_OFF), -amount, amount)
    lines.given = lines.given & ~(own & (rule == _NET))
    lines.kind = np.where(own & (lines.kind == _CREDIT) & (amount > 0), _NO_KIND, lines.kind)
    if len(inner):
        parent = np.maximum.accumulate(np.where(item, np.arange(len(lines)), 0))[inner]
        sign = np.where(rule[inner] == _TAKEN_OFF, -1, 1)
        change = sign * amount[inner]
        counted = np.isin(rule[inner], (_ADDED, _TAKEN_OFF, _UNSIGNED_ADDED))
        np.add.at(amount, parent[counted], change[counted])
        lines.deduction = lines.deduction.copy()
        np.add.at(lines.deduction, parent, -change)
        np.clip(lines.deduction, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX, out=lines.deduction)
        lines.reason = _with_reasons(lines.reason, inner, parent)
    lines.amount = np.clip(amount, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
    if not len(inner):
        return lines, np.arange(len(lines))
    left = np.ones(len(lines), np.bool_)
    left[inner] = False
    kept = np.flatnonzero(left)
    return _taken(lines, kept), kept


def _with_reasons(reason: pa.StringArray, inner: Offsets, parent: Offsets) -> pa.StringArray:
    """Lines without a reason get that of their first adjustment."""
    first = np.flatnonzero(np.append(True, parent[1:] != parent[:-1]))
    given = parent[first]
    lacks = pc.equal(reason.take(pa.array(given)), "").to_numpy(zero_copy_only=False)
    given, first = given[lacks], first[lacks]
    mask = np.zeros(len(reason), np.bool_)
    mask[given] = True
    return pc.replace_with_mask(reason, pa.array(mask), reason.take(pa.array(inner[first])))
