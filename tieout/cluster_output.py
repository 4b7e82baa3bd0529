"""What a run on a cluster hands in and gives out, in the tables of `tieout match`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from cluster.hooks import Hooks
from engine.batches import PaymentBatch, PaymentOutcomeBatch, RemittanceBatch
from tieout.cluster_inputs import ClusterReading, merge_bank_files, refused_bank_file
from tieout.cores import CoreMap
from tieout.run_summary import decided_cash
from tieout.run_tables import TABLE_ORDER, RunTables, output_tables

if TYPE_CHECKING:
    import pyarrow as pa

    from cluster.hooks import EarlierRuns
    from engine.batches import AdviceBatch, ExceptionBatch
    from engine.match_input import MatchInput, MatchResult

__all__ = ["cluster_hooks", "tables_of_exceptions", "tables_of_match"]

_OF_PAYMENTS: Final = ("payments", "remittance_lines", "applications", "reversals", "exceptions")


def cluster_hooks(
    advices: AdviceBatch,
    reading: ClusterReading | None = None,
    earlier: EarlierRuns | None = None,
) -> Hooks:
    """The hooks of a run whose result has the tables of a run directory."""
    nothing = RunTables(payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty())
    reading = reading or ClusterReading()
    return Hooks(
        tell=tables_of_match,
        decided=_decided,
        tell_notes=tables_of_exceptions,
        schemas={name: table.rows.schema for name, table in output_tables(nothing).items()},
        order=TABLE_ORDER,
        advices=advices,
        read_bank_file=reading.bank_file,
        refuse_bank_file=refused_bank_file,
        merge_bank_files=merge_bank_files,
        read_open_items=reading.open_items,
        read_customers=reading.customers,
        reading=reading.key,
        table_endings=reading.table_endings,
        earlier=earlier,
        cores=CoreMap,
    )


def tables_of_match(match_input: MatchInput, result: MatchResult) -> dict[str, pa.Table]:
    """The tables of the payments of one match."""
    run = RunTables(
        payments=match_input.payments,
        outcomes=result.outcomes,
        remittances=RemittanceBatch.concat([match_input.remittances, result.joined]),
        applications=result.applications,
        reversals=result.reversals,
        exceptions=result.exceptions,
    )
    made = output_tables(run)
    return {name: made[name].rows for name in _OF_PAYMENTS}


def _decided(match_input: MatchInput, result: MatchResult) -> pa.Table:
    ids = match_input.payments.text("payment_id")
    row = pc.index_in(result.outcomes.text("payment_id"), ids).to_numpy()
    return decided_cash(match_input.payments.take(row.astype(np.int64)), result.outcomes)


def tables_of_exceptions(exceptions: ExceptionBatch) -> dict[str, pa.Table]:
    """The table of exceptions that concern no payment."""
    run = RunTables(
        payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty(), exceptions=exceptions
    )
    return {"exceptions": output_tables(run)["exceptions"].rows}
