"""Acts of people, from a call to the store and back, and what must hear of them.

Every service that acts on cases does so here: what was posted or taken back changes what is open,
and a match with what is resident must learn of it, whichever call it came by.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec

from desk.refusals import Refusal
from rpc.caller import current_caller
from rpc.desk_work import Preview, first_answer, keep_answer, performed
from rpc.errors import RefusedError, ServiceError
from store.errors import PostingRejectedError, StaleRowError, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rpc.desk_work import Answer, Command, DeskWork
    from rpc.reading import StoreReader
    from store.requests import RequestKey
    from tieout.v1 import cases_pb2

__all__ = ["DeskActs"]


class DeskActs:
    """Performs commands for callers, one transaction each."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        writer: StoreReader,
        desk: DeskWork,
        on_posted: Callable[[str], None],
        on_decided: Callable[[float], None] = lambda _: None,
        on_conflict: Callable[[], None] = lambda: None,
    ) -> None:
        """Let `desk` act through `writer`, a connection of its own, and foresee through `reader`.

        `on_posted` hears the tenant of every act that changed what is open, or what
        is known of payers; `on_decided` after how many seconds an exception was decided on;
        `on_conflict` that what a person saw was no longer so.
        """
        self._on_decided = on_decided
        self._on_conflict = on_conflict
        self._reader = reader
        self._writer = writer
        self._desk = desk
        self._on_posted = on_posted
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def act(self, command: Command, *, validate_only: bool) -> cases_pb2.Case:
        """The case after `command`, or as it would be; raises as `DeskWork.perform`."""
        if validate_only:
            (preview,) = await self._reader.ask(lambda store: self._desk.preview(store, [command]))
            if preview.refusal is not None:
                raise RefusedError.of(preview.refusal)
        else:
            preview = await self._perform(command)
        assert preview.message is not None  # noqa: S101 - what was not refused has a case
        return preview.message

    async def one_of_batch(self, command: Command, batch_id: str) -> Preview:
        """One command of a batch; what is refused is told, and stops nothing."""
        command = msgspec.structs.replace(command, batch_id=batch_id)
        try:
            return await self._perform(command)
        except (ServiceError, StoreError) as error:
            return Preview(refusal=Refusal(reason=error.reason, message=str(error)))

    async def answered_once(
        self, key: RequestKey | None, work: Callable[[], Awaitable[Answer]], now_ms: int
    ) -> bytes:
        """The answer of a batch: its first one, else what `work` gives, which is kept.

        Callers who send a batch at the same time wait for the first of them: its acts are kept one
        by one, and what it says of them could not be said again. Raises `RequestIdReusedError`.
        """
        if key is None:
            return (await work()).content
        turn = (current_caller().tenant, key.request_id)
        lock = self._turns.setdefault(turn, asyncio.Lock())
        async with lock:
            answer = await self._writer.ask(lambda store: first_answer(store, key))
            if answer is None:
                told = await work()
                await self._writer.ask(lambda store: keep_answer(store, key, told, now_ms))
                answer = told.content
        return answer

    async def _perform(self, command: Command) -> Preview:
        try:
            preview = await self._writer.ask(lambda store: performed(self._desk, store, command))
        except (PostingRejectedError, StaleRowError):
            self._on_conflict()
            raise
        if preview.decided_after_ms is not None:
            self._on_decided(preview.decided_after_ms / 1000)
        if any(line.kind in {"item", "fact"} for line in preview.lines):
            self._on_posted(current_caller().tenant)
        return preview
