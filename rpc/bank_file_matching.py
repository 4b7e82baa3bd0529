"""Matching a bank file beside the store, and again what the store has changed under it.

Matching takes seconds, a booking must not: the match runs against the store as it was at one
booking, and counts where nothing it rests on has changed when the file is kept. What has changed
is matched again: the payments of the families of customers whose items, names or rules moved, the
others standing as if their file had come a moment earlier. So every decision that is posted is one
that the store of that moment would have led to.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    Batch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
)
from engine.matcher import MatchInput, MatchResult
from engine.resident_changes import changed_resident
from parsers.same_money import FORMAT_RANKS
from parsers.same_money_pairs import DAYS_APART_MAX
from parsers.told_before import told_before
from rpc.repeated_statements import find_repeated, hold_repeated
from rpc.resident_tables import with_changes

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.batches import (
        ApplicationBatch,
        DiagnosticBatch,
        LearnedFactBatch,
        PaymentOutcomeBatch,
        RemittanceBatch,
        SettledBatch,
    )
    from engine.resident import Resident
    from parsers.parsed_file import ParsedFile
    from rpc.jobs import TenantSettings
    from rpc.match_job import Matcher, StageTimer
    from rpc.repeated_statements import RepeatedStatements
    from rpc.resident_tables import ResidentTables
    from store.keyed_rows import RowFeed
    from store.repository import Booking, Repository

__all__ = ["ATTEMPTS_MAX", "FileMatch", "FileMatcher", "Indexed"]

ATTEMPTS_MAX: Final = 3
"""Matches beside the store before the last one, which holds it: each matches less than the one
before, so that only a store that is rewritten all the time is ever waited for."""

_B = TypeVar("_B", bound=Batch)


class Indexed(msgspec.Struct, frozen=True):
    """What is resident, indexed, as of booking `number`: nothing has to be indexed for a file."""

    resident: Resident
    number: int


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the store held at booking `number`, as far as a match of this file rests on it.

    `moved` are the customers that differ from what was held before, or whose items do; `told` are
    payments that files of other formats brought around the same days; `resident` is what is indexed
    of `open_items`, None where that is left to the match.
    """

    number: int
    moved: frozenset[str]
    seen: frozenset[str]
    told: PaymentBatch
    repeated: RepeatedStatements
    open_items: OpenItemBatch
    resident: Resident | None
    customers: CustomerBatch
    learned: LearnedFactBatch
    earlier: SettledBatch


class FileMatch(msgspec.Struct, frozen=True, kw_only=True):
    """What a match made of a file, against the store as `held`.

    `payments` and `remittances` are those that no earlier file brought; `repeated` are the kept
    payments that it brings again, `diagnostics` tell of those that came in another format.
    """

    held: _Held
    payments: PaymentBatch
    remittances: RemittanceBatch
    result: MatchResult
    repeated: tuple[str, ...]
    diagnostics: DiagnosticBatch


class FileMatcher:
    """Matches one parsed file against whatever the store holds."""

    def __init__(
        self,
        parsed: ParsedFile,
        tables: ResidentTables,
        rules: TenantSettings,
        match: Matcher,
        timer: StageTimer,
        indexed: Indexed | None = None,
    ) -> None:
        """Match `parsed` by `rules` with `match`, starting from the resident `tables`, or from
        what is `indexed` of them.
        """
        self._parsed = parsed
        self._indexed = indexed
        self._tables = tables
        self._rules = rules
        self._match = match
        self._timer = timer
        self._originals = _originals_in(parsed.payments)

    def match(self, store: Repository | Booking, before: FileMatch | None = None) -> FileMatch:
        """Match against what `store` holds now: all of the file, or what is stale of `before`."""
        with store.database.reading():
            held = self._read(store, before)
        stale = None if before is None else self._stale(before, held)
        if before is None or stale is None:
            return self._whole(held)
        if not stale:
            return msgspec.structs.replace(before, held=held)
        return self._again(before, held, stale)

    def is_current(self, found: FileMatch, store: Repository | Booking) -> bool:
        """Whether everything `found` rests on still is as it was."""
        return self._stale(found, self._read(store, found)) == set()

    def _read(self, store: Repository | Booking, before: FileMatch | None) -> _Held:
        there: ResidentTables | _Held = self._tables if before is None else before.held
        known = self._known(store, before)
        number = there.number if known is None else known.number
        items = store.open_items.changes_after(number)
        customers = store.customers.changes_after(there.number)
        resident = None
        if known is not None:
            resident = changed_resident(known.resident, items.changed.rows, items.removed)
        if known is None or resident is not None:
            old = there.open_items
        else:
            # Too much has changed for what is indexed: the match indexes anew.
            old = known.resident.open_items
        moved = frozenset[str]()
        if before is not None:
            moved = frozenset(_moved_customers(there.open_items, items, customers))
        return _Held(
            number=items.number,
            moved=moved,
            seen=self._seen(store),
            told=self._told(store),
            repeated=find_repeated(self._parsed, store.identities.files_of),
            open_items=with_changes(old, items) if resident is None else resident.open_items,
            resident=resident,
            customers=with_changes(there.customers, customers),
            learned=store.facts.read(),
            earlier=store.settled.named(self._originals),
        )

    def _known(self, store: Repository | Booking, before: FileMatch | None) -> Indexed | None:
        """What is indexed already, where the store's customers are still those it knows."""
        known = self._indexed
        if before is not None:
            held = before.held
            known = None if held.resident is None else Indexed(held.resident, held.number)
        if known is None:
            return None
        customers = store.customers.changes_after(known.number)
        return None if len(customers.changed.rows) or customers.removed else known

    def _seen(self, store: Repository | Booking) -> frozenset[str]:
        return frozenset(
            store.bank_files.seen_payments(self._parsed.payments.strings("payment_id"))
        )

    def _told(self, store: Repository | Booking) -> PaymentBatch:
        days = self._parsed.payments.record_batch["booking_date"].drop_null()
        if self._parsed.source_format not in FORMAT_RANKS or not len(days):
            return PaymentBatch.empty()
        around = datetime.timedelta(days=DAYS_APART_MAX)
        return store.bank_files.told_between(
            str(pc.min(days).as_py() - around),
            str(pc.max(days).as_py() + around),
            self._parsed.source_format,
        )

    def _whole(self, held: _Held) -> FileMatch:
        """The file matched as a whole."""
        told = told_before(
            _without(self._parsed.payments, held.seen), held.told, self._tables.bank_accounts
        )
        payments = hold_repeated(told.payments, held.repeated)
        remittances = _without(self._parsed.remittances, {*held.seen, *told.kept_as})
        match_input = self._input(held, payments, remittances, held.open_items, held.resident)
        match_input = msgspec.structs.replace(match_input, advices=self._parsed.advices)
        result = self._match(match_input, self._timer)
        return FileMatch(
            held=held,
            payments=payments,
            remittances=remittances,
            result=result,
            repeated=tuple(sorted({*held.seen, *told.kept_as.values()})),
            diagnostics=told.diagnostics,
        )

    def _again(self, before: FileMatch, held: _Held, stale: set[str]) -> FileMatch:
        """`before` with its `stale` payments matched anew, on what the others leave."""
        kept = _rows(before.result, stale)
        left, resident = _less(held.open_items, kept.applications, before.result.outcomes), None
        if held.resident is not None:
            differs = left.int64("open_minor") != held.open_items.int64("open_minor")
            resident = changed_resident(held.resident, left.take(np.flatnonzero(differs)), ())
        match_input = self._input(
            held,
            _of(before.payments, stale, inside=True),
            _of(before.remittances, stale, inside=True),
            left if resident is None else resident.open_items,
            resident,
        )
        result = _merged(kept, self._match(match_input, self._timer), before.payments)
        return msgspec.structs.replace(before, held=held, result=result)

    def _input(
        self,
        held: _Held,
        payments: PaymentBatch,
        remittances: RemittanceBatch,
        open_items: OpenItemBatch,
        resident: Resident | None,
    ) -> MatchInput:
        return MatchInput(
            payments=payments,
            remittances=remittances,
            open_items=open_items,
            customers=held.customers,
            bank_accounts=self._tables.bank_accounts,
            learned=held.learned,
            earlier=held.earlier,
            policy=self._rules.policy,
            calibration=self._rules.outcomes.calibration,
            precision=self._rules.outcomes.precision,
            resident=resident,
        )

    def _stale(self, found: FileMatch, now: _Held) -> set[str] | None:
        """Payments of `found` whose decision what changed up to `now` may reach; None: all of it.

        A file with returns or advices is matched as a whole: they reach across payments.
        """
        then = found.held
        if (now.seen, now.repeated, now.told) != (then.seen, then.repeated, then.told):
            return None
        if now.learned != then.learned or now.earlier != then.earlier:
            return None
        stale = _decided_for(found.result, _families(now.moved, then.customers, now.customers))
        reaches = len(self._parsed.advices) or (found.payments.int64("amount_minor") < 0).any()
        if stale and (reaches or 2 * len(stale) > len(found.payments)):
            return None
        return stale


def _originals_in(payments: PaymentBatch) -> set[str]:
    """What the returns of a file call the payments that came back."""
    returned = pa.array(payments.int64("amount_minor") < 0)
    return set(payments.text("original_reference").filter(returned).to_pylist()) - {""}


def _moved_customers(
    then: OpenItemBatch, items: RowFeed[OpenItemBatch], customers: RowFeed[CustomerBatch]
) -> set[str]:
    """Customers that changed, and those whose items did: whose they were, and whose they are."""
    moved = set(customers.changed.rows.strings("customer_id"))
    moved.update(identity for _, identity in customers.removed)
    changed = items.changed.rows
    if len(changed) or items.removed:
        moved.update(changed.text("customer_id").unique().to_pylist())
        gone = pa.array(["\x1f".join(key) for key in items.removed], pa.string())
        old = pc.is_in(
            then.key_strings(), value_set=pa.concat_arrays([changed.key_strings(), gone])
        )
        moved.update(then.text("customer_id").filter(old).unique().to_pylist())
    return moved


def _families(moved: frozenset[str], *customers: CustomerBatch) -> set[str]:
    """`moved` and whoever has a parent in common with one of them."""
    if not moved:
        return set()
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        while one in parent:
            one = parent[one]
        return one

    for batch in customers:
        linked = batch.record_batch.filter(pc.not_equal(batch.text("parent_customer_id"), ""))
        names = (linked[name].to_pylist() for name in ("customer_id", "parent_customer_id"))
        for child, above in zip(*names, strict=True):
            low, high = root(child), root(above)
            if low != high:
                parent[low] = high
    roots = {root(one) for one in moved}
    return {*moved, *roots, *(one for one in parent if root(one) in roots)}


def _decided_for(result: MatchResult, customers: set[str]) -> set[str]:
    """Payments of which something was decided for one of `customers`."""
    if not customers:
        return set()
    wanted = pa.array(sorted(customers), pa.string())
    applied = result.applications.record_batch
    on_items = pc.and_(
        pc.equal(applied["decision"], "auto"), pc.is_in(applied["customer_id"], value_set=wanted)
    )
    where = result.outcomes.record_batch
    decided = pc.or_(
        pc.not_equal(where["applied_minor"], 0), pc.not_equal(where["on_account_minor"], 0)
    )
    of_them = pc.or_(
        pc.is_in(where["customer_id"], value_set=wanted),
        pc.is_in(where["payer_customer_id"], value_set=wanted),
    )
    return {
        *applied["payment_id"].filter(on_items).to_pylist(),
        *where["payment_id"].filter(pc.and_(decided, of_them)).to_pylist(),
    }


def _without(batch: _B, payments: Collection[str]) -> _B:
    return _of(batch, payments, inside=False)


def _of(batch: _B, payments: Collection[str], *, inside: bool) -> _B:
    """The rows of `batch` that are of `payments`, or (not `inside`) all others."""
    if not payments:
        return batch.take(np.empty(0, dtype=np.int64)) if inside else batch
    within = pc.is_in(batch.text("payment_id"), value_set=pa.array(sorted(payments), pa.string()))
    kept = within if inside else pc.invert(within)
    return type(batch).of_distinct(batch.record_batch.filter(kept))


def _less(
    open_items: OpenItemBatch, applications: ApplicationBatch, outcomes: PaymentOutcomeBatch
) -> OpenItemBatch:
    """`open_items` once `applications` are posted, as the store will show them."""
    auto = applications.record_batch.filter(pc.equal(applications.text("decision"), "auto"))
    if not auto.num_rows:
        return open_items
    owner = pc.index_in(auto["payment_id"], value_set=outcomes.text("payment_id"))
    company = outcomes.text("company_id").take(owner)
    keys = pc.binary_join_element_wise(company, auto["open_item_id"], "\x1f")
    at = pc.index_in(keys, value_set=open_items.key_strings()).to_numpy(zero_copy_only=False)
    left = open_items.int64("open_minor").copy()
    for name in ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor"):
        np.subtract.at(left, at, auto[name].to_numpy())
    touched = np.zeros(len(left), dtype=np.bool_)
    touched[at] = True
    status = pc.if_else(pa.array(touched & (left == 0)), "paid", open_items.text("status"))
    columns = {name: open_items.record_batch[name] for name in OpenItemBatch.SCHEMA.names}
    return OpenItemBatch.from_distinct(columns | {"open_minor": left, "status": status})


def _rows(result: MatchResult, payments: set[str]) -> MatchResult:
    """`result` without what it says of `payments`."""
    return MatchResult(
        outcomes=_of(result.outcomes, payments, inside=False),
        applications=_of(result.applications, payments, inside=False),
        reversals=_of(result.reversals, payments, inside=False),
        exceptions=_of(result.exceptions, payments, inside=False),
        joined=result.joined,
    )


def _merged(kept: MatchResult, again: MatchResult, payments: PaymentBatch) -> MatchResult:
    """Both results as one, in the order of `payments`."""
    order = payments.text("payment_id")

    def both(name: str) -> Any:
        batches = [getattr(kept, name), getattr(again, name)]
        batch = type(batches[0]).concat(batches)
        place = pc.index_in(batch.text("payment_id"), value_set=order)
        return batch.take(pc.array_sort_indices(place).to_numpy().astype(np.int64))

    return MatchResult(
        outcomes=both("outcomes"),
        applications=both("applications"),
        reversals=both("reversals"),
        exceptions=both("exceptions"),
        joined=kept.joined,
    )
