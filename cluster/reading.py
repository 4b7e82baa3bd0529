"""Payments are read: who paid, which families each reaches, and what is still to be asked.

The payer is looked for among all customers. References are then read against the items they hit,
wherever those are: that tells which families a payment has to do with, and with it in which bucket
it must be matched. What it hit of other families travels with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.rows import (
    READ_ROW,
    batch_of,
    int64_list,
    items_of,
    lines_of,
    payer_column,
    struct_list,
)
from engine.batches import OpenItemBatch, PaymentBatch
from engine.creditor_references import creditor_owners
from engine.groups import reached_families
from engine.identify import OurAccounts
from engine.intake import facts_in_force, find_payers, sorted_lines, take_in
from engine.limits import FAMILY_COMPARED_MAX
from engine.payer_table import payers_by_name
from engine.references import written_numbers
from engine.segments import first_of_runs, is_among, mix64, pick

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cluster.known_customers import KnownCustomers
    from cluster.run_facts import RunFacts
    from engine.batches import PayerBatch, RemittanceBatch
    from engine.intake import Intake

__all__ = ["asks_again", "read_payments"]


def read_payments(
    table: pa.Table, hits: pa.Table, known: KnownCustomers, facts: RunFacts
) -> pa.Table:
    """The payments in `table` (`PAYMENT_ROW`) as they were read (`READ_ROW`); `hits` are items with
    the number of the payment that asked for each.
    """
    payments, lines = batch_of(PaymentBatch, table), lines_of(table)
    items, _ = items_of(hits)
    told = _payers(payments, lines, items, known, facts)
    wanted = [known.family_of(items), *(known.families_named(told.text(n)) for n in _CUSTOMERS)]
    match_input = msgspec.structs.replace(
        facts.match_input(),
        payments=payments,
        remittances=lines,
        open_items=items,
        customers=known.batch_of_families(np.concatenate(wanted)),
        payers=told,
    )
    read = _Read.of(take_in(match_input, _quiet), known)
    strangers = _strangers(table, hits, known, read)
    count = len(payments)
    columns = {name: table.column(name) for name in table.schema.names}
    stranger = read.asks_by_amount
    lines_sorted, owner = sorted_lines(payments, lines)
    writer, written = written_numbers(payments, lines_sorted, owner)
    kept = stranger[writer]
    columns |= {
        "told": payer_column(told),
        "families": int64_list(read.payment, read.family, count),
        "strangers": strangers,
        "numbers_between": int64_list(read.ranged, read.between, count),
        "amounts_asked": int64_list(*_amounts_asked(read, lines_sorted, owner), count),
        "numbers_written": int64_list(writer[kept], written[kept], count),
    }
    return pa.table([columns[name] for name in READ_ROW.names], schema=READ_ROW)


_CUSTOMERS = ("payer", "rival", "nearest")


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """What reading gave, by rows as they came.

    payment, family: reached families, each once, ascending; ranged, between: numbers inside ranges;
    asks_by_amount: a damaged reference may be looked for by amount; asked: under which currency and
    cash, as stated and as matched (shape: 2 × payments).
    """

    payment: NDArray[np.int64]
    family: NDArray[np.int64]
    ranged: NDArray[np.int64]
    between: NDArray[np.int64]
    asks_by_amount: NDArray[np.bool_]
    currency: NDArray[np.int64]
    cash: NDArray[np.int64]

    @classmethod
    def of(cls, intake: Intake, known: KnownCustomers) -> _Read:
        situation, directory = intake.situation, intake.directory
        global_number = known.directory.numbers.look_up(directory.keys)
        payment, family = reached_families(situation, directory.family)
        payment, family = intake.order[payment], global_number[family]
        order = np.lexsort((family, payment))
        payment, family = payment[order], family[order]
        kept = first_of_runs(payment, family) if len(payment) else payment.astype(np.bool_)
        own = pick(global_number, situation.payer_family, none=-1)
        large = (own >= 0) & (known.items[own] > FAMILY_COMPARED_MAX)
        rows = np.empty(len(situation), dtype=np.int64)
        rows[intake.order] = np.arange(len(rows))
        ranged, between = intake.between
        return cls(
            payment=payment[kept],
            family=family[kept],
            ranged=intake.order[ranged],
            between=between,
            asks_by_amount=((own < 0) | large)[rows],
            currency=situation.currency[rows],
            cash=situation.cash[rows],
        )


def _payers(
    payments: PaymentBatch,
    lines: RemittanceBatch,
    items: OpenItemBatch,
    known: KnownCustomers,
    facts: RunFacts,
) -> PayerBatch:
    """Who paid each payment, of all customers there are."""
    directory = known.directory.with_companies(payments.text("company_id"))
    customer = known.customer_of(items)
    sorted_, owner = sorted_lines(payments, lines)
    payers = find_payers(
        payments,
        sorted_,
        owner,
        directory,
        facts_in_force(facts.learned, directory, facts.policy, facts.day),
        OurAccounts.of(facts.bank_accounts),
        creditor_owners(items, directory.company[customer], customer),
        known.numbers,
        known.names,
    )
    return payers_by_name(payers, payments, directory)


def _strangers(table: pa.Table, hits: pa.Table, known: KnownCustomers, read: _Read) -> pa.ListArray:
    """What each payment hit of families it does not reach."""
    number = table.column("payment_no").to_numpy()
    order = np.argsort(number, kind="stable")
    row = order[np.searchsorted(number[order], hits.column("payment_no").to_numpy())]
    family = known.family_of(batch_of(OpenItemBatch, hits))
    reached = np.sort(mix64(read.payment, read.family))
    strange = np.flatnonzero(~is_among(mix64(row, family), reached))
    item = hits.column("item_no").to_numpy()
    strange = strange[np.lexsort((item[strange], row[strange]))]
    if len(strange):
        strange = strange[first_of_runs(row[strange], item[strange])]
    names = [*OpenItemBatch.SCHEMA.names, "item_no"]
    return struct_list(row[strange], hits.select(names).take(pa.array(strange)), len(table))


def _amounts_asked(
    read: _Read, lines: RemittanceBatch, owner: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Keys of currency and amount of payments whose references are looked for by amount: of the
    cash, and of each line.
    """
    asking = np.flatnonzero(read.asks_by_amount)
    given = read.asks_by_amount[owner] & ~lines.is_null("amount_minor")
    row = np.concatenate([asking, owner[given]])
    amount = np.concatenate([read.cash[asking], lines.int64("amount_minor")[given]])
    order = np.lexsort((amount, row))
    row, amount = row[order], amount[order]
    kept = first_of_runs(row, amount) if len(row) else row.astype(np.bool_)
    return row[kept], mix64(read.currency[row[kept]], amount[kept])


def asks_again(read: pa.Table) -> pa.ChunkedArray:
    """Which payments of `read` (`READ_ROW`) ask for items once more."""
    lengths = [pc.list_value_length(read[name]) for name in ("numbers_between", "amounts_asked")]
    return pc.greater(pc.add(*lengths), 0)


def _quiet(stage: str, row_count: int) -> None:
    del stage, row_count
