"""A run: stages one after another, each finished once, in a folder that outlives the driver.

A stage keeps tables and values below the working folder and then, as the last thing, its note. A
stage with a note of this very run is not done again. Notes carry the run's key, a hash of all it
depends on: inputs by name, size and change, rules, versions; a folder of another run is cleared.
What stages keep stands below the key as well: a task of an earlier run that nobody could stop
writes beside it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cluster.errors import WorkingFolderError
from cluster.mapped_values import keep_mapped, mapped_value
from cluster.settings import StageReport
from engine.batches import BankAccountBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from cluster.hooks import Hooks
    from cluster.packets import Received
    from cluster.places import Place
    from cluster.settings import ClusterJob

__all__ = ["Run", "RunNote", "noted_run"]

_RUN: Final = "run.json"
NOTING: Final = ("inputs", "bank_files", "advices")
"""Stages that have something to say beside the payments."""


class RunNote(msgspec.Struct, frozen=True):
    """Whose working folder it is; `after` is the key that the same command has once the run is
    remembered, empty before.
    """

    run: str
    after: str = ""

    def is_of(self, key: str) -> bool:
        """The command whose key this is has begun the run, whatever it has left to do."""
        return key in (self.run, self.after)


class _StageNote(msgspec.Struct, frozen=True):
    """A stage that is finished."""

    run: str
    report: StageReport


class Run:
    """One run on `spark`; see the module."""

    def __init__(
        self,
        spark: SparkSession,
        job: ClusterJob,
        hooks: Hooks,
        work: Place,
        key: str,
        observe: Callable[[str, int], None],
    ) -> None:
        """A run with the given `key` in the folder `work`; `observe` hears of stages."""
        self.spark = spark
        self.job = job
        self.hooks = hooks
        self.work = work
        self.key = key
        self.folder = work / key[:16]
        self.reports: list[StageReport] = []
        self._observe = observe
        self.parts = job.cuts.parts or 2 * _cores(spark)
        self.accounts = BankAccountBatch.empty()
        self.is_remembered = False

    def begin(self) -> None:
        """Take the working folder over; raises `WorkingFolderError` where it is none."""
        note = self.work / _RUN
        if note.exists():
            if _decoded(note, RunNote).run == self.key:
                return
            self.work.remove()
        elif not self.work.is_empty():
            message = f"{self.work} is not empty and no working folder; give --work a new one"
            raise WorkingFolderError(message)
        note.write(msgspec.json.encode(RunNote(self.key)))

    def leave(self, after: str) -> None:
        """Note which key the same command will have once the run is remembered (`RunNote`)."""
        (self.work / _RUN).write(msgspec.json.encode(RunNote(self.key, after)))

    def stage(self, name: str, make: Callable[[Run], dict[str, int]]) -> None:
        """Do `make`, unless it is done; it gives rows by name, for people."""
        self._observe(name, 0)
        note = self.work / "stages" / f"{name}.json"
        if note.exists():
            done = _decoded(note, _StageNote)
            if done.run == self.key:
                self.reports.append(msgspec.structs.replace(done.report, resumed=True))
                return
        begun = time.monotonic()
        self.spark.addTag(name)
        try:
            rows = make(self)
        finally:
            self.spark.removeTag(name)
        report = StageReport(stage=name, seconds=round(time.monotonic() - begun, 3), rows=rows)
        note.write(msgspec.json.encode(_StageNote(self.key, report)))
        self.reports.append(report)

    def put(self, value: Any, name: str) -> int:
        """Keep `value` for every task of the run; gives the bytes it takes."""
        return keep_mapped(self.place_of(name), value)

    def value(self, name: str) -> Any:
        """The kept value `name`."""
        return mapped_value(self.place_of(name))

    def note(self, received: Received, stage: str) -> None:
        """Keep what a `stage` has to say beside the payments: its rows of tables of the result."""
        schemas = self.hooks.schemas
        tables = {
            name: received.table(name, schemas[name])
            for name in received.names()
            if name in schemas
        }
        self.put(tables, f"notes-{stage}")

    def notes(self) -> list[Place]:
        """Where such rows are kept."""
        places = [self.place_of(f"notes-{stage}") for stage in NOTING]
        return [place for place in places if place.exists()]

    def place_of(self, name: str) -> Place:
        """Where the value `name` is kept: what tasks are given in its stead."""
        return self.folder / "values" / f"{name}.bin"


def noted_run(work: Place) -> RunNote | None:
    """Whose working folder `work` is; None where it is none. Raises `WorkingFolderError`."""
    note = work / _RUN
    return _decoded(note, RunNote) if note.exists() else None


def _cores(spark: SparkSession) -> int:
    """Tasks the cluster works on at once, as far as it says so."""
    said = spark.conf.get("spark.sql.shuffle.partitions", "8") or "8"
    return max(1, int(said) // 2)


def _decoded(place: Place, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(place.read(), type=kind)
    except msgspec.DecodeError as error:
        message = f"{place} cannot be read: {error}; remove the working folder and run again"
        raise WorkingFolderError(message) from None
