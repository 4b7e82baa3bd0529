"""Ordinary checks of a window of a lockbox file as columns, with all they pay.

A check is ordinary where its record and all its overflow are of known kinds, without control
characters, numbers are plain, items ascend, and the overflow is numbered and flagged as it should
be. All others are left to `parsers.lockbox_checks`, which is also the specification of what is cut
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import AMOUNT_MINOR_MAX
from parsers.fixed_columns import FixedRecords, block_numbers, block_texts, is_blank
from parsers.lockbox_checks import payer_account_of
from parsers.lockbox_marks import KIND_CODES, first_letters, kind_codes
from parsers.lockbox_records import window_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.fixed_columns import Block
    from parsers.lockbox_layouts import CheckLayout, Columns, LockboxLayout, OverflowLayout
    from parsers.lockbox_records import Framing, RecordSpans, RecordWindow

    Flags = NDArray[np.bool_]

__all__ = ["CHECK", "OrdinaryChecks", "WindowCut", "WindowCutter"]

CHECK: Final = KIND_CODES["check"]
"""The kind of a check, by its number."""

_OVERFLOW: Final = KIND_CODES["overflow"]
_ENDS_BATCH: Final = tuple(
    KIND_CODES[kind]
    for kind in ("batch_header", "batch_total", "lockbox_header", "lockbox_total", "file_total")
)
_WRITTEN: Final = bytes(range(32, 256)) + b"\n"
_KEY_DIGITS_MAX: Final = 12
_NEWLINE: Final = ord("\n")
_NINE: Final = ord("9")
_ZERO: Final = ord("0")
_BLANK: Final = ord(" ")


class OrdinaryChecks(msgspec.Struct, frozen=True):
    """Ordinary checks in the order of the file.

    `first` and `last` are their records; `keys` batch and item as one number, `stretch` counts how
    often those begin anew; `columns` are payment columns and `lines` remittance columns, whose
    `owner` is the check.
    """

    first: Offsets
    last: Offsets
    amount: NDArray[np.int64]
    keys: NDArray[np.int64]
    stretch: NDArray[np.int64]
    columns: dict[str, Any]
    lines: dict[str, Any]
    owner: Offsets


class WindowCut(msgspec.Struct, frozen=True):
    """A window of records: what each is, which need a look, and the ordinary checks."""

    window: RecordWindow
    spans: RecordSpans
    kinds: NDArray[np.uint8]
    events: Offsets
    checks: OrdinaryChecks


class _Groups(msgspec.Struct, frozen=True):
    """Checks of a window and the records after each, up to the next check or control record.

    `overflow` are the overflow records of checks, `owner` says of which; `odd` marks checks that
    are not ordinary by the look of their records alone.
    """

    checks: Offsets
    ends: Offsets
    overflow: Offsets
    owner: Offsets
    odd: Flags


class WindowCutter:
    """Cuts windows by one layout; a pure function of the window, whatever was cut before."""

    def __init__(self, layout: LockboxLayout, framing: Framing, *, ordinary: bool = True) -> None:
        """Where not `ordinary`, every check is left to the reader that looks at each."""
        self._layout = layout
        self._framing = framing
        self._letters = first_letters(layout)
        self._mark_width = max(
            mark.columns[1] for _, record in layout.kinds() for mark in record.marks
        )
        self._overflow = layout.overflow[0] if layout.overflow else None
        self._is_plain = ordinary and self._letters is not None and _is_plain(layout)

    def __call__(self, window: RecordWindow) -> WindowCut:
        """The records of `window`, which begins with a record."""
        spans = window_records(window, self._framing)
        records = FixedRecords(window.text, spans.starts, spans.stops, self._layout.width)
        every = np.arange(len(spans.starts))
        if self._letters is None:
            kinds = kind_codes(records.block(every, self._mark_width), self._layout)
        else:
            kinds = self._letters[records.first_letters]
        checks = np.flatnonzero(kinds == CHECK)
        needs_look = (kinds != _OVERFLOW) & (kinds != 0)
        groups, strays = _grouped(kinds, checks)
        if not self._is_plain or not len(checks):
            needs_look[strays] = True
            return WindowCut(window, spans, kinds, np.flatnonzero(needs_look), _none())
        odd = groups.odd | self._with_odd_letters(window, records, groups)
        found, regular = self._cut(records, kinds, groups, odd)
        needs_look[checks[regular]] = False
        needs_look[strays] = True
        return WindowCut(window, spans, kinds, np.flatnonzero(needs_look), found)

    def _with_odd_letters(
        self, window: RecordWindow, records: FixedRecords, groups: _Groups
    ) -> Flags:
        """Checks with a control character in one of their records."""
        odd = np.zeros(len(groups.checks), np.bool_)
        text = window.text
        controls = len(text.translate(None, _WRITTEN))
        within = int((records.stops - records.starts).sum())
        if controls == 0 or controls == len(text) - text.count(b"\n") - within:
            return odd
        letters = np.frombuffer(window.text, np.uint8)
        at = np.flatnonzero((letters < _BLANK) & (letters != _NEWLINE))
        record = np.searchsorted(records.starts, at, "right") - 1
        record = record[(record >= 0) & (at < records.stops[record])]
        owner = np.searchsorted(groups.checks, record, "right") - 1
        owned = (owner >= 0) & (record < groups.ends[owner])
        odd[owner[owned]] = True
        return odd

    def _cut(
        self, records: FixedRecords, kinds: NDArray[np.uint8], groups: _Groups, odd: Flags
    ) -> tuple[OrdinaryChecks, Flags]:
        check, overflow = self._layout.check, self._overflow
        block = records.block(groups.checks, _fields_end(check))
        amount, is_plain = block_numbers(block[:, slice(*check.amount)])
        odd = odd | ~is_plain | (amount <= 0) | (amount > AMOUNT_MINOR_MAX)
        keys, stretch, unordered = _order(block, check, kinds, groups.checks)
        odd |= unordered | _changes(block, check, stretch)
        notes = np.empty((0, 0), np.uint8)
        if overflow is not None and len(groups.overflow):
            notes = records.block(groups.overflow, _fields_end(overflow))
            bad = _broken_chain(notes, overflow, block, check, groups)
            if overflow.last_flag is not None:
                lengths = records.stops[groups.overflow] - records.starts[groups.overflow]
                bad |= lengths <= overflow.last_flag[0]
            bad |= _odd_entries(notes, overflow)
            odd[groups.owner[bad]] = True
        odd |= _odd_entries(block, check)
        regular = ~odd
        rows = np.flatnonzero(regular)
        number = np.cumsum(regular) - 1
        kept = regular[groups.owner]
        lines = _Lines(amount[rows])
        lines.add(block[rows], check, groups.checks[rows], np.arange(len(rows)))
        texts: dict[str, Any] = {}
        if overflow is not None and len(notes):
            kept_notes = notes if kept.all() else notes[kept]
            owner = number[groups.owner[kept]]
            lines.add(kept_notes, overflow, groups.overflow[kept], owner)
            texts = lines.add_memos(kept_notes, overflow.memo, groups.overflow[kept], owner)
        columns = _check_columns(block if len(rows) == len(block) else block[rows], check) | texts
        line_columns, owner = lines.finish()
        found = OrdinaryChecks(
            first=groups.checks[rows],
            last=groups.ends[rows] - 1,
            amount=amount[rows],
            keys=keys[rows],
            stretch=stretch[rows],
            columns=columns,
            lines=line_columns,
            owner=owner,
        )
        return found, regular


def _is_plain(layout: LockboxLayout) -> bool:
    """Whether checks of a layout can be cut: one kind of overflow, nothing that spans records."""
    check = layout.check
    if len(layout.overflow) > 1 or check.currency is not None or check.item is None:
        return False
    if check.date is not None and (layout.batch_header is None or layout.batch_header.date is None):
        return False
    widths = [columns[1] - columns[0] for columns in (check.batch, check.item) if columns]
    if sum(widths) > _KEY_DIGITS_MAX:
        return False
    return all(
        record.item is not None
        and (record.group, record.account, record.customer_number, record.remitter) == (None,) * 4
        for record in layout.overflow
    )


def _none() -> OrdinaryChecks:
    empty = np.empty(0, np.int64)
    return OrdinaryChecks(empty, empty, empty, empty, empty, {}, {}, empty)


def _grouped(kinds: NDArray[np.uint8], checks: Offsets) -> tuple[_Groups, Offsets]:
    """Checks with what follows them, and the records that follow none."""
    is_member = (kinds == _OVERFLOW) | (kinds == 0)
    heads = np.flatnonzero(~is_member)
    members = np.flatnonzero(is_member)
    place = np.searchsorted(heads, members, "right") - 1
    has_check = np.zeros(len(members), np.bool_)
    if len(heads):
        has_check = (place >= 0) & (kinds[heads[place]] == CHECK)
    ends = np.append(heads, len(kinds))[np.searchsorted(heads, checks) + 1]
    owned = members[has_check]
    owner = np.searchsorted(checks, owned, "right") - 1
    is_known = kinds[owned] == _OVERFLOW
    odd = np.zeros(len(checks), np.bool_)
    odd[owner[~is_known]] = True
    return _Groups(checks, ends, owned[is_known], owner[is_known], odd), members[~has_check]


def _key_block(block: Block, batch: Columns | None, item: Columns) -> Block:
    """Batch and item columns side by side."""
    if batch is None:
        return block[:, item[0] : item[1]]
    if batch[1] == item[0]:
        return block[:, batch[0] : item[1]]
    return np.hstack([block[:, slice(*batch)], block[:, slice(*item)]])


def _order(
    block: Block, check: CheckLayout, kinds: NDArray[np.uint8], checks: Offsets
) -> tuple[NDArray[np.int64], NDArray[np.int64], Flags]:
    """(keys, stretches, checks whose key is no number or does not ascend within its stretch).

    A stretch ends with a batch, and where items have counted up to all nines. Whether the first
    check of a window ascends is not known here.
    """
    assert check.item is not None  # noqa: S101 - plain layouts number their items
    letters = _key_block(block, check.batch, check.item)
    keys, _ = block_numbers(letters)
    is_number = _are_digits(letters)
    batches = np.cumsum(np.isin(kinds, _ENDS_BATCH))[checks]
    limit = 10 ** (check.item[1] - check.item[0])
    anew = np.zeros(len(checks), np.bool_)
    anew[1:] = (batches[1:] != batches[:-1]) | (is_number[:-1] & (keys[:-1] % limit == limit - 1))
    stretch = np.cumsum(anew, dtype=np.int64)
    ranked = stretch * 10 ** letters.shape[1] + keys
    unordered = np.zeros(len(checks), np.bool_)
    unordered[1:] = ranked[1:] <= np.maximum.accumulate(ranked)[:-1]
    return keys, stretch, unordered | ~is_number


def _are_digits(block: Block) -> Flags:
    """Rows of nothing but digits."""
    is_digit = (block >= _ZERO) & (block <= _NINE)
    return np.asarray(is_digit.all(axis=1))


def _changes(block: Block, check: CheckLayout, stretch: NDArray[np.int64]) -> Flags:
    """Checks that repeat another lockbox or date than the one before; the first of each stretch."""
    changed = np.zeros(len(block), np.bool_)
    repeated = [
        columns for columns in (check.lockbox, check.date and check.date.columns) if columns
    ]
    if not repeated:
        return changed
    changed[0] = True
    changed[1:] = stretch[1:] != stretch[:-1]
    for columns in repeated:
        letters = block[:, slice(*columns)]
        changed[1:] |= (letters[1:] != letters[:-1]).any(axis=1)
    return changed


def _fields_end(record: CheckLayout | OverflowLayout) -> int:
    """The column after the last one of a record that is read."""
    ends = [1]
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name == "date" and value is not None:
            ends.append(value.columns[1])
        elif name != "marks" and isinstance(value, tuple) and value and isinstance(value[0], int):
            ends.append(value[1])
    for entry in record.entries:
        fields = (entry.document, entry.amount, entry.discount, entry.deduction, entry.reason)
        ends += [columns[1] for columns in fields if columns]
    return max(ends)


def _broken_chain(
    notes: Block, overflow: OverflowLayout, block: Block, check: CheckLayout, groups: _Groups
) -> Flags:
    """Overflow records of another item, out of sequence, or flagged against their place."""
    assert check.item is not None and overflow.item is not None  # noqa: S101, PT018 - plain layouts
    items = _key_block(block, check.batch, check.item)
    own = _key_block(notes, overflow.batch, overflow.item)
    if own.shape[1] != items.shape[1]:
        return np.ones(len(notes), np.bool_)
    bad: Flags = (own != items[groups.owner]).any(axis=1)
    if overflow.sequence is not None:
        letters = notes[:, slice(*overflow.sequence)]
        found, is_plain = block_numbers(letters)
        due = (groups.overflow - groups.checks[groups.owner]) % 10 ** letters.shape[1]
        bad |= ~is_plain | (found != due) | (letters[:, -1] == _BLANK)
    if overflow.last_flag is not None:
        start, stop = overflow.last_flag
        is_flagged = (notes[:, start:stop] == _NINE).all(axis=1)
        bad |= is_flagged != (groups.overflow == groups.ends[groups.owner] - 1)
        bad |= stop - start != 1
    return bad


def _odd_entries(block: Block, record: CheckLayout | OverflowLayout) -> Flags:
    """Records with an amount beside an invoice that is no plain number."""
    odd = np.zeros(len(block), np.bool_)
    for entry in record.entries:
        for columns in (entry.amount, entry.discount, entry.deduction):
            if columns is not None:
                values, is_plain = block_numbers(block[:, slice(*columns)])
                odd |= ~is_plain | (np.abs(values) > AMOUNT_MINOR_MAX)
    return odd


def _check_columns(block: Block, check: CheckLayout) -> dict[str, Any]:
    """Text columns of checks, by the name of the payment column."""
    found: dict[str, Any] = {}
    for name, columns in (
        ("payer_name", check.remitter),
        ("check_number", check.check_number),
        ("customer_reference", check.customer_number),
    ):
        if columns is not None:
            found[name] = block_texts(block[:, slice(*columns)])
    if check.account is not None:
        found["payer_account"] = _payer_accounts(block, check.routing, check.account)
    return found


def _payer_accounts(block: Block, routing: Columns | None, account: Columns) -> pa.Array:
    """`payer_account_of` of every row."""
    numbers = block[:, slice(*account)]
    if routing is None:
        accounts, banks = block_texts(numbers), pa.repeat("", len(block))
        joined, doubtful = accounts, _is_nought(numbers)
    else:
        codes = block[:, slice(*routing)]
        accounts, banks = block_texts(numbers), block_texts(codes)
        joined = pc.binary_join_element_wise(banks, accounts, "/")
        doubtful = _is_nought(numbers) | _is_nought(codes)
    rows = np.flatnonzero(doubtful)
    if not len(rows):
        return joined
    values = [
        payer_account_of(bank, number)
        for bank, number in zip(
            banks.take(pa.array(rows)).to_pylist(),
            accounts.take(pa.array(rows)).to_pylist(),
            strict=True,
        )
    ]
    return pc.replace_with_mask(joined, pa.array(doubtful), pa.array(values, pa.string()))


def _is_nought(block: Block) -> Flags:
    """Rows of nothing but zeros and blanks."""
    nought: Flags = ((block == _ZERO) | (block == _BLANK)).all(axis=1)
    return nought


class _Lines:
    """Remittance lines of ordinary checks while they are gathered, record kind by record kind."""

    def __init__(self, amounts: NDArray[np.int64]) -> None:
        self._amounts = amounts
        self._paid = np.zeros(len(amounts), np.int64)
        self._parts: list[dict[str, Any]] = []
        self._owners: list[Offsets] = []
        self._records: list[Offsets] = []

    def add(
        self,
        block: Block,
        record: CheckLayout | OverflowLayout,
        records: Offsets,
        owner: Offsets,
    ) -> None:
        """Add the entries of records of one kind; blank ones are filler."""
        for entry in record.entries:
            if entry.document is None:
                continue
            letters = block[:, slice(*entry.document)]
            numbers = {
                name: np.zeros(len(block), np.int64)
                if columns is None
                else block_numbers(block[:, slice(*columns)])[0]
                for name, columns in (
                    ("amount_minor", entry.amount),
                    ("discount_minor", entry.discount),
                    ("deduction_minor", entry.deduction),
                )
            }
            filled = ~is_blank(letters)
            for values in numbers.values():
                filled |= values != 0
            part: dict[str, Any] = {"reference": block_texts(letters), **numbers}
            if entry.reason is not None:
                part["deduction_reason"] = block_texts(block[:, slice(*entry.reason)])
            np.add.at(self._paid, owner, numbers["amount_minor"])
            self._keep(part, filled, records, owner)

    def _keep(self, part: dict[str, Any], filled: Flags, records: Offsets, owner: Offsets) -> None:
        if not filled.all():
            kept = np.flatnonzero(filled)
            part = {
                name: values[kept]
                if isinstance(values, np.ndarray)
                else values.take(pa.array(kept))
                for name, values in part.items()
            }
            records, owner = records[kept], owner[kept]
        self._parts.append(part)
        self._records.append(records)
        self._owners.append(owner)

    def add_memos(
        self, block: Block, columns: Columns | None, records: Offsets, owner: Offsets
    ) -> dict[str, Any]:
        """Add memos of one word as references; the others are text of their payments."""
        if columns is None:
            return {}
        letters = block[:, slice(*columns)]
        memos = block_texts(letters)
        is_text = pc.match_substring(memos, " ").to_numpy(zero_copy_only=False)
        filled = ~is_blank(letters) & ~is_text
        none = np.zeros(len(block), np.int64)
        numbers = {"amount_minor": none, "discount_minor": none, "deduction_minor": none}
        self._keep({"reference": memos, **numbers}, filled, records, owner)
        if not is_text.any():
            return {}
        rows = np.flatnonzero(is_text)
        bounds = np.searchsorted(owner[rows], np.arange(len(self._amounts) + 1)).astype(np.int32)
        texts = pa.ListArray.from_arrays(pa.array(bounds), memos.take(pa.array(rows)))
        return {"remittance_text": pc.binary_join(texts, "\n")}

    def finish(self) -> tuple[dict[str, Any], Offsets]:
        """All lines in the order of the file, as remittance columns, and the check of each."""
        if not self._parts:
            return {}, np.empty(0, np.int64)
        owner = np.concatenate(self._owners)
        numbers = {
            name: np.concatenate([part[name] for part in self._parts])
            for name in ("amount_minor", "discount_minor", "deduction_minor")
        }
        texts = {
            name: pa.concat_arrays(
                [part.get(name, pa.repeat("", len(part["reference"]))) for part in self._parts]
            )
            for name in ("reference", "deduction_reason")
        }
        if len(self._parts) > 1:
            order = np.argsort(np.concatenate(self._records), kind="stable")
            owner = owner[order]
            numbers = {name: values[order] for name, values in numbers.items()}
            texts = {name: values.take(pa.array(order)) for name, values in texts.items()}
        amounts = numbers["amount_minor"]
        unknown = (amounts == 0) & (self._paid != self._amounts)[owner]
        kinds = pa.repeat("document", len(amounts))
        if (amounts < 0).any():
            kinds = pc.if_else(pa.array(amounts < 0), "credit_memo", kinds)
        columns = {
            "reference_kind": kinds,
            "amount_minor": pa.array(amounts, mask=unknown),
            "discount_minor": pa.array(numbers["discount_minor"]),
            "deduction_minor": pa.array(numbers["deduction_minor"]),
        }
        return texts | columns, owner
