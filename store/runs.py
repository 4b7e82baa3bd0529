"""Topic runs: work that goes on while nobody waits for it, and all that was brought in.

A run ends once: what it has decided is kept in the very transaction that says so (`finish`), and a
run that was cancelled before has no effect any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from store.errors import RequestIdReusedError, RunEndedError
from store.key_scopes import runs_scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from store.database import Database
    from store.key_scopes import KeyScope
    from store.personal_data import PersonalData

__all__ = ["ENDED", "RunFilter", "RunKind", "RunLog", "RunRecord", "RunState"]

RunKind = Literal["bank_file", "open_items", "customers", "results"]
RunState = Literal["waiting", "running", "done", "failed", "cancelled"]

ENDED: Final = frozenset({"done", "failed", "cancelled"})
"""States that a run stays in."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `work` is what its server needs to go on with it, `result` an encoded answer.

    `error` is JSON of reason, message and metadata; times are milliseconds since 1970 UTC, 0: not
    yet.
    """

    run_id: str
    kind: RunKind
    state: RunState
    file_name: str
    size_bytes: int
    content_sha256: str
    request_id: str
    started_by: str
    created_at_ms: int
    work: bytes = b""
    started_at_ms: int = 0
    ended_at_ms: int = 0
    result: bytes | None = None
    error: str = ""
    row_number: int = 0


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; the empty string means all."""

    kind: str = ""
    state: str = ""
    started_by: str = ""


_NAMES: Final = RunRecord.__struct_fields__
_COLUMNS: Final = ", ".join(_NAMES)
_WRITTEN: Final = tuple(name for name in _NAMES if name != "row_number")


class RunLog:
    """Runs of one tenant."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Keep them in `database`, what they gave sealed by `personal`."""
        self._database = database
        self._personal = personal

    def find(self, run_id: str) -> RunRecord | None:
        """The run with that id."""
        found = self._select("run_id = ?", run_id)
        return found[0] if found else None

    def list_runs(self, wanted: RunFilter, before: int | None, limit: int) -> list[RunRecord]:
        """At most `limit` runs, the latest first, from the start or before a `row_number`."""
        asked = {f"{name} = ?": value for name, value in msgspec.structs.asdict(wanted).items()}
        conditions = {condition: value for condition, value in asked.items() if value}
        if before is not None:
            conditions["row_number < ?"] = before
        where = " AND ".join(conditions) or "1 = 1"
        return self._select(f"{where} ORDER BY row_number DESC LIMIT {limit}", *conditions.values())

    def unfinished(self) -> list[RunRecord]:
        """Runs that have not ended, in the order they were accepted."""
        return self._select("state IN ('waiting', 'running') ORDER BY row_number")

    def accept(self, record: RunRecord) -> RunRecord:
        """Keep a new run, and give it, or that of the same request; called in a write block.

        Raises `RequestIdReusedError` where its request had other content.
        """
        if record.request_id:
            found = self._select("kind = ? AND request_id = ?", record.kind, record.request_id)
            if found and found[0].content_sha256 != record.content_sha256:
                said = (found[0].kind, found[0].content_sha256)
                raise RequestIdReusedError.of(
                    record.request_id, said, (record.kind, record.content_sha256)
                )
            if found:
                return found[0]
        self._insert(record)
        return record

    def record(self, record: RunRecord, owner: KeyScope | None = None) -> None:
        """Keep a run that somebody waited for, in the transaction of its effect.

        What it gave is sealed by the key of `owner`, else by that of its month.
        """
        if not record.request_id or not self._select(
            "kind = ? AND request_id = ?", record.kind, record.request_id
        ):
            self._insert(record, owner)

    def start(self, run_id: str, now_ms: int) -> bool:
        """A run goes to work; whether it may. Called in a write block."""
        return self._change(run_id, "state = 'running', started_at_ms = ?", now_ms)

    def finish(
        self,
        run_id: str,
        result: bytes,
        now_ms: int,
        owner: KeyScope | None = None,
        concerning: Collection[KeyScope] = (),
    ) -> None:
        """A run has its effect, in this write block; raises `RunEndedError` where it had ended.

        What it gave is sealed by the key of `owner`; where it is about several customers
        (`concerning`) by one of its own, which goes with any of them; else by that of its month.
        """
        sealed = self._sealed(run_id, result, now_ms, owner, concerning)
        if not self._end(run_id, "state = 'done', result = ?", now_ms, sealed):
            message = f"run {run_id} was ended before it had an effect; nothing was kept"
            raise RunEndedError(message, run_id=run_id)

    def fail(self, run_id: str, error: str, now_ms: int) -> bool:
        """A run ends with an error, without an effect; whether it had not ended."""
        number = self._personal.number(runs_scope(now_ms), now_ms)
        (error,) = self._personal.sealed_texts([error], number, [f"run.error/{run_id}"])
        return self._end(run_id, "state = 'failed', error = ?", now_ms, error)

    def cancel(self, run_id: str, now_ms: int) -> bool:
        """A run is ended before it has an effect; whether it had none."""
        return self._end(run_id, "state = 'cancelled'", now_ms)

    def forget_before(self, ended_before_ms: int) -> int:
        """Forget runs that ended before that and give how many; called in a write block."""
        return self._database.change(
            "DELETE FROM run WHERE ended_at_ms > 0 AND ended_at_ms < ?", ended_before_ms
        )

    def _end(self, run_id: str, changes: str, now_ms: int, *values: Any) -> bool:
        """End a run; never before it began, even where the clock was set back meanwhile."""
        ended = "CASE WHEN created_at_ms > ? THEN created_at_ms ELSE ? END"
        changes = f"{changes}, ended_at_ms = {ended}, work = ?"
        return self._change(run_id, changes, *values, now_ms, now_ms, b"")

    def _change(self, run_id: str, changes: str, *values: Any) -> bool:
        sql = f"UPDATE run SET {changes} WHERE run_id = ? AND state IN ('waiting', 'running')"  # noqa: S608 - texts of this module
        return bool(self._database.change(sql, *values, run_id))

    def _insert(self, record: RunRecord, owner: KeyScope | None = None) -> None:
        if record.result is not None:
            sealed = self._sealed(record.run_id, record.result, record.ended_at_ms, owner)
            record = msgspec.structs.replace(record, result=sealed)
        marks = ", ".join("?" * len(_WRITTEN))
        self._database.rows(
            f"INSERT INTO run ({', '.join(_WRITTEN)}) VALUES ({marks})",  # noqa: S608 - names
            *(getattr(record, name) for name in _WRITTEN),
        )

    def _sealed(
        self,
        run_id: str,
        result: bytes,
        now_ms: int,
        owner: KeyScope | None,
        concerning: Collection[KeyScope] = (),
    ) -> bytes:
        month = runs_scope(now_ms)
        number = self._personal.number_of(owner, concerning, month, run_id, now_ms)
        return self._personal.sealed_bytes(result, number, _place(run_id))

    def _select(self, where: str, *values: Any) -> list[RunRecord]:
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM run WHERE {where}", *values)  # noqa: S608 - names
        records = []
        for row in rows:
            fields: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
            fields["work"] = bytes(fields["work"])
            run_id = fields["run_id"]
            if fields["result"] is not None:
                # What was erased since is told as an answer without content.
                opened = self._personal.opened_bytes(bytes(fields["result"]), _place(run_id))
                fields["result"] = opened or b""
            (fields["error"],) = self._personal.opened_texts(
                [fields["error"]], [f"run.error/{run_id}"]
            )
            records.append(RunRecord(**fields))
        return records


def _place(run_id: str) -> str:
    return f"run.result/{run_id}"
