"""What a run on a cluster is asked to do, and how it is cut up."""

from __future__ import annotations

import datetime  # noqa: TC003 - msgspec reads the annotation
from typing import Any

import msgspec

from engine.outcomes import Outcomes

__all__ = ["ClusterJob", "ClusterReport", "Cuts", "StageReport"]


class Cuts(msgspec.Struct, frozen=True, kw_only=True):
    """How work is cut up; nothing of the result depends on it.

    parts: tasks of a stage that is cut by key or by payment (0: two per core of the cluster);
    bucket_items, bucket_payments: what a bucket of several groups holds, about, of both together
    (of items alone twice as many); file_payments: about how many payments a part of a result holds.
    """

    parts: int = 0
    bucket_items: int = 200_000
    bucket_payments: int = 20_000
    file_payments: int = 250_000


class ClusterJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to match against what, and where the result goes; places are URIs or paths.

    Tables are a file or a folder of part files (CSV, Parquet, Arrow, JSONL). `out` must be new or
    empty, unless `overwrite` replaces an earlier result. `outcomes` are what earlier decisions have
    taught. `work` keeps what stages have finished, so
    that a run that was stopped goes on there; without it a hidden folder beside `out` does. A dry
    run ends with the audit: nothing appears in `out`, and nothing is remembered.
    """

    open_items: str
    out: str
    payments: str | None = None
    bank_files: tuple[str, ...] = ()
    customers: str | None = None
    bank_accounts: str | None = None
    remittances: tuple[str, ...] = ()
    policy: dict[str, Any] = {}
    outcomes: Outcomes = Outcomes()
    as_of: datetime.date | None = None
    overwrite: bool = False
    dry_run: bool = False
    work: str | None = None
    keep_work: bool = False
    cuts: Cuts = Cuts()


class StageReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage did: how long it took (on the clock of the driver), rows by name, whether an
    earlier run had done it already.
    """

    stage: str
    seconds: float
    rows: dict[str, int] = {}
    resumed: bool = False


class ClusterReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished run tells its caller. `exceptions` are primary ones by code; `decided` is
    what of the cash of receivables was decided, and its total, by currency (minor units); `refused`
    are bank files that could not be used, each with the sentence that says why. A dry run has no
    result (`out`) and no manifest.
    """

    out: str | None
    manifest_sha256: str | None
    stages: tuple[StageReport, ...]
    counts: dict[str, int]
    exceptions: dict[str, int] = {}
    decided: dict[str, tuple[int, int]] = {}
    refused: tuple[tuple[str, str], ...] = ()
