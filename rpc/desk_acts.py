"""Acts of people, from a call to the store and back, and what must hear of them.

Every service that acts on cases does so here: what was posted or taken back changes what is open,
and a match with what is resident must learn of it, whichever call it came by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from desk.refusals import Refusal
from rpc.caller import current_caller
from rpc.desk_work import Preview, first_answer, keep_answer, performed
from rpc.errors import RefusedError, ServiceError
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.desk_work import Command, DeskWork
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
    ) -> None:
        """Let `desk` act through `writer`, a connection of its own, and foresee through `reader`.

        `on_posted` hears the tenant of every act that changed what is open.
        """
        self._reader = reader
        self._writer = writer
        self._desk = desk
        self._on_posted = on_posted

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

    async def first_answer(self, key: RequestKey | None) -> bytes | None:
        """The answer that a batch has got before; raises `RequestIdReusedError`."""
        return await self._writer.ask(lambda store: first_answer(store, key))

    async def keep_answer(self, key: RequestKey | None, answer: bytes, now_ms: int) -> None:
        """Keep the answer of a batch, each act of which is kept already."""
        await self._writer.ask(lambda store: keep_answer(store, key, answer, now_ms))

    async def _perform(self, command: Command) -> Preview:
        preview = await self._writer.ask(lambda store: performed(self._desk, store, command))
        if any(line.kind == "item" for line in preview.lines):
            self._on_posted(current_caller().tenant)
        return preview
