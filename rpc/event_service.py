"""EventService: what happened, page by page, or as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from rpc.caller import current_caller
from rpc.errors import CompanyNotPermittedError, FieldError
from rpc.limits import PAGE_SIZE_MAX
from rpc.page_tokens import page_limit
from store.events import EVENT_KINDS, EventCursor
from tieout.v1 import event_service_pb2 as contract
from tieout.v1 import event_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import grpc.aio

    from rpc.reading import StoreReader
    from store.events import Event

__all__ = ["EventService"]

_WAIT_SECONDS: Final = 0.25
"""How often a stream looks for new events: what a follower is behind at most."""


class EventService(event_service_pb2_grpc.EventServiceServicer):
    """Answers `tieout.v1.EventService`."""

    def __init__(self, reader: StoreReader) -> None:
        """Ask `reader`."""
        self._reader = reader

    async def ListEvents(  # noqa: N802 - the contract's name
        self,
        request: contract.ListEventsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListEventsResponse:
        """Give one page."""
        kinds = _checked(request.kinds)
        limit = page_limit(request.page_size)
        cursor = EventCursor.of(request.page_token)
        events, after = await self._reader.ask(
            lambda store: store.events.after(cursor, limit, kinds)
        )
        return contract.ListEventsResponse(
            events=[_message(one) for one in events], next_page_token=str(after)
        )

    async def StreamEvents(  # noqa: N802 - the contract's name
        self,
        request: contract.StreamEventsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[contract.StreamEventsResponse]:
        """Give what is there, then what comes, until the caller ends the call."""
        kinds = _checked(request.kinds)
        cursor = EventCursor.of(request.page_token)
        while True:
            events, cursor = await self._after(cursor, kinds)
            if events:
                yield contract.StreamEventsResponse(
                    events=[_message(one) for one in events], next_page_token=str(cursor)
                )
            if len(events) < PAGE_SIZE_MAX:
                await asyncio.sleep(_WAIT_SECONDS)

    async def _after(
        self, cursor: EventCursor, kinds: Sequence[str]
    ) -> tuple[list[Event], EventCursor]:
        return await self._reader.ask(
            lambda store: store.events.after(cursor, PAGE_SIZE_MAX, kinds)
        )


def _checked(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds, all known; the caller sees the whole tenant. Raises a `ServiceError`."""
    caller = current_caller()
    if caller.companies is not None:
        message = f"{caller.name!r} sees some companies only; events are those of the whole tenant"
        raise CompanyNotPermittedError(message, caller=caller.name)
    for kind in kinds:
        if kind not in EVENT_KINDS:
            message = f"kinds has {kind!r}, expected of {', '.join(EVENT_KINDS)}"
            raise FieldError(message, field="kinds", value=kind)
    return tuple(kinds)


def _message(event: Event) -> contract.Event:
    when = Timestamp()
    when.FromMilliseconds(event.occurred_at_ms)
    return contract.Event(
        event_number=event.number,
        kind=event.kind,
        subject=event.subject,
        occur_time=when,
        payload_json=event.payload,
    )
