"""What decisions taught about payers, kept in a directory: facts, and what relied on them.

Facts are never edited away: revoking one keeps it with who and when, and says which applications
had relied on it. Only `forget` removes a fact, for those who may not keep it. How facts count is
the engine's business (`engine.learned_facts`).
"""

from __future__ import annotations

import datetime  # noqa: TC003 - msgspec reads the annotation
import hashlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import pyarrow as pa

from engine.batches import Batch, LearnedFactBatch
from engine.learned_facts import fact_keys
from parsers.table_identity import in_key_order, table_hash
from tieout.exit_codes import UnknownFactError
from tieout.memory_files import read_memory_file, write_memory_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Lesson", "PayerMemory", "RelianceBatch"]

AnyBatch = TypeVar("AnyBatch", bound=Batch)

_FACTS: Final = "payers.parquet"
_RELIANCE: Final = "relied.parquet"


class RelianceBatch(Batch):
    """An application of a payment whose payer was known by a learned fact."""

    SCHEMA = pa.schema(
        [
            *(
                pa.field(name, pa.string(), nullable=False)
                for name in ("fact_id", "payment_id", "open_item_id", "customer_id", "currency")
            ),
            pa.field("amount_minor", pa.int64(), nullable=False),
            pa.field("matched_on", pa.date32(), nullable=True),
        ]
    )
    KEY = ("fact_id", "payment_id", "open_item_id")
    __slots__ = ()


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """Something said about a payer: a fact as it would stand alone, said once by one payment."""

    kind: str
    company_id: str
    value: str
    customer_id: str
    open_item_ids: str = ""
    source: str
    said_by: str
    said_on: datetime.date
    payment_id: str


class PayerMemory:
    """The facts of a directory; frozen: every change gives another memory to `write`."""

    def __init__(self, folder: Path, facts: LearnedFactBatch, reliance: RelianceBatch) -> None:
        """Hold what `read` found in `folder`."""
        self._folder = folder
        self.facts = facts
        self.reliance = reliance

    @classmethod
    def read(cls, folder: Path) -> PayerMemory:
        """The memory in `folder`, empty where there is none; raises `MemoryFileError`."""
        return cls(
            folder,
            read_memory_file(folder / _FACTS, LearnedFactBatch, "payers"),
            read_memory_file(folder / _RELIANCE, RelianceBatch, "payers"),
        )

    @property
    def files(self) -> dict[str, Batch]:
        """What is kept of it, by the names of the files."""
        return {_FACTS: self.facts, _RELIANCE: self.reliance}

    def write(self) -> None:
        """Replace what the folder holds, at once."""
        write_memory_files(self._folder, self.files)

    @property
    def content_hash(self) -> str:
        """Hash of the facts: part of what a run depends on."""
        return table_hash(self.facts)

    def taught(self, lessons: Sequence[Lesson]) -> PayerMemory:
        """With `lessons` learned. What was said before is confirmed, once per payment; a clerk's
        word makes a suggestion a fact and a revoked fact stand again.
        """
        if not lessons:
            return self
        facts = {row["fact_id"]: row for row in self.facts.record_batch.to_pylist()}
        for lesson, fact_id in zip(lessons, _fact_ids(lessons), strict=True):
            if fact_id not in facts:
                facts[fact_id] = _first(lesson, fact_id)
            else:
                _confirm(facts[fact_id], lesson)
        return self._with(facts.values())

    def relied(self, reliance: RelianceBatch) -> PayerMemory:
        """With more applications that relied on facts."""
        rows = {
            tuple(row[name] for name in RelianceBatch.KEY): row
            for batch in (self.reliance, reliance)
            for row in batch.record_batch.to_pylist()
        }
        return PayerMemory(self._folder, self.facts, _batch(RelianceBatch, rows.values()))

    def impact(self, fact_id: str) -> RelianceBatch:
        """Applications that relied on a fact; raises `UnknownFactError`."""
        self._fact(fact_id)
        rows = self.reliance.record_batch.to_pylist()
        return _batch(RelianceBatch, [row for row in rows if row["fact_id"] == fact_id])

    def revoked(self, fact_id: str, by: str, on: datetime.date) -> PayerMemory:
        """With the fact taken back; raises `UnknownFactError`."""
        self._fact(fact_id)
        rows = self.facts.record_batch.to_pylist()
        for row in rows:
            if row["fact_id"] == fact_id:
                row |= {"revoked_on": on, "revoked_by": by}
        return self._with(rows)

    def forgotten(self, fact_id: str) -> PayerMemory:
        """Without the fact and without what relied on it; raises `UnknownFactError`."""
        self._fact(fact_id)
        kept = [row for row in self.facts.record_batch.to_pylist() if row["fact_id"] != fact_id]
        others = [
            row for row in self.reliance.record_batch.to_pylist() if row["fact_id"] != fact_id
        ]
        return PayerMemory(
            self._folder, _batch(LearnedFactBatch, kept), _batch(RelianceBatch, others)
        )

    def _fact(self, fact_id: str) -> None:
        if fact_id not in self.facts.strings("fact_id"):
            message = f"{self._folder} knows no fact {fact_id}; `tieout memory list` shows all"
            raise UnknownFactError(message)

    def _with(self, rows: Iterable[dict[str, Any]]) -> PayerMemory:
        return PayerMemory(self._folder, _batch(LearnedFactBatch, rows), self.reliance)


def _batch(kind: type[AnyBatch], rows: Iterable[dict[str, Any]]) -> AnyBatch:
    listed = list(rows)
    if not listed:
        return kind.empty()
    columns = {name: [row[name] for row in listed] for name in kind.SCHEMA.names}
    return in_key_order(kind.from_columns(columns))


def _fact_ids(lessons: Sequence[Lesson]) -> list[str]:
    """Ids that are equal for lessons of the same content, however name or account is written."""
    columns = {
        name: [getattr(lesson, name) for lesson in lessons]
        for name in ("kind", "company_id", "value", "customer_id", "open_item_ids")
    }
    numbered = LearnedFactBatch.from_columns(
        columns | {"fact_id": [str(number) for number in range(len(lessons))]}
    )
    keys = [
        key if lesson.kind not in ("pays_for", "not_items") else lesson.value
        for key, lesson in zip(fact_keys(numbered).to_pylist(), lessons, strict=True)
    ]
    return [
        hashlib.sha256(
            msgspec.json.encode([one.kind, one.company_id, key, one.customer_id, one.open_item_ids])
        ).hexdigest()[:16]
        for one, key in zip(lessons, keys, strict=True)
    ]


def _first(lesson: Lesson, fact_id: str) -> dict[str, Any]:
    return {
        "fact_id": fact_id,
        "kind": lesson.kind,
        "company_id": lesson.company_id,
        "value": lesson.value,
        "customer_id": lesson.customer_id,
        "open_item_ids": lesson.open_item_ids,
        "source": lesson.source,
        "learned_by": lesson.said_by,
        "learned_on": lesson.said_on,
        "confirmed_on": lesson.said_on,
        "confirmations": 1,
        "revoked_on": None,
        "revoked_by": "",
        "evidence": lesson.payment_id,
    }


def _confirm(row: dict[str, Any], lesson: Lesson) -> None:
    """Say it again: a payment counts once, and nobody but a clerk overrides a revocation."""
    if row["revoked_on"] is not None and lesson.source != "clerk":
        return
    said = row["evidence"].split(";")
    if lesson.source == "clerk":
        if row["source"] != "clerk" or row["revoked_on"] is not None:
            row |= {"learned_by": lesson.said_by, "learned_on": lesson.said_on}
        row |= {"source": "clerk", "revoked_on": None, "revoked_by": ""}
    if lesson.payment_id not in said:
        row["evidence"] = ";".join([*said, lesson.payment_id])
        row["confirmations"] += 1
    row["confirmed_on"] = max(row["confirmed_on"], lesson.said_on)
