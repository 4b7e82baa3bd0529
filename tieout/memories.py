"""All that one run leaves to the next: payments seen and items paid, payers, settlements."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Self

import msgspec

from tieout.memory_files import write_memory_files
from tieout.payer_lessons import lessons_of_run, reliance_of_run
from tieout.payer_memory import PayerMemory
from tieout.run_memory import RunMemory
from tieout.settlement_memory import SettlementMemory

if TYPE_CHECKING:
    from pathlib import Path

    from engine.batches import OpenItemBatch
    from engine.matcher import MatchInput, MatchResult

__all__ = ["Memories"]


class Memories(msgspec.Struct, frozen=True, kw_only=True):
    """The memories of one folder; every change gives others to `write`."""

    runs: RunMemory
    payers: PayerMemory
    settled: SettlementMemory

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those in `folder`, empty where there are none; raises `MemoryFileError`."""
        return cls(
            runs=RunMemory.read(folder),
            payers=PayerMemory.read(folder),
            settled=SettlementMemory.read(folder),
        )

    @property
    def key(self) -> str:
        """Hash of all that a run depends on."""
        hashes = [one.content_hash for one in (self.runs, self.payers, self.settled)]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Replace what `folder` holds, all of it or nothing."""
        write_memory_files(folder, self.settled.files | self.runs.files | self.payers.files)

    def after(self, exported: OpenItemBatch, match_input: MatchInput, result: MatchResult) -> Self:
        """Those after a run: `exported` are its open items before they were reduced."""
        relied = self.payers.relied(reliance_of_run(match_input, result, self.payers.facts))
        return msgspec.structs.replace(
            self,
            runs=self.runs.after(exported, match_input, result),
            payers=relied.taught(lessons_of_run(match_input, result)),
            settled=self.settled.after(match_input, result),
        )
