"""What a run on a cluster hands in and gives out, in the tables of `tieout match`."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from cluster.hooks import Hooks
from cluster.places import Place, files_below, local_copy
from engine.batches import AdviceBatch, PaymentBatch, PaymentOutcomeBatch, RemittanceBatch
from tieout.matching_job import read_policy_file
from tieout.remittance_inputs import RemittanceOptions, read_remittances
from tieout.run_tables import TABLE_ORDER, RunTables, output_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from engine.batches import ExceptionBatch
    from engine.match_input import MatchInput, MatchResult

__all__ = [
    "cluster_hooks",
    "policy_of",
    "read_remittance_places",
    "tables_of_exceptions",
    "tables_of_match",
]

_OF_PAYMENTS: Final = ("payments", "remittance_lines", "applications", "reversals", "exceptions")


def cluster_hooks(advices: AdviceBatch) -> Hooks:
    """The hooks of a run whose result has the tables of a run directory."""
    nothing = RunTables(payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty())
    return Hooks(
        tell=tables_of_match,
        tell_notes=tables_of_exceptions,
        schemas={name: table.rows.schema for name, table in output_tables(nothing).items()},
        order=TABLE_ORDER,
        advices=advices,
    )


def policy_of(name: str | None) -> dict[str, Any]:
    """The policy at a path or URI as it is written; raises `PolicyFileError` where it is none."""
    if name is None:
        return {}
    path = local_copy(Place.of(name))
    read_policy_file(path)
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read_remittance_places(names: Sequence[str]) -> AdviceBatch:
    """Remittance advice of the files `names` (paths or URIs)."""
    files = [file.uri for name in names for file in files_below(name, ())]
    paths = [local_copy(Place(uri)) for uri in files]
    return read_remittances(paths, RemittanceOptions()).advices if paths else AdviceBatch.empty()


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


def tables_of_exceptions(exceptions: ExceptionBatch) -> dict[str, pa.Table]:
    """The table of exceptions that concern no payment."""
    run = RunTables(
        payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty(), exceptions=exceptions
    )
    return {"exceptions": output_tables(run)["exceptions"].rows}
