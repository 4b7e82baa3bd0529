"""EventService: what happened, page by page, or as it comes."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from rpc.caller import current_caller
from rpc.errors import CompanyNotPermittedError, FieldError
from rpc.event_ends import EventEnds
from rpc.limits import PAGE_SIZE_MAX
from rpc.page_tokens import page_limit
from store.events import EVENT_KINDS, EventCursor
from tieout.v1 import event_service_pb2 as contract
from tieout.v1 import event_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import grpc.aio

    from rpc.draining import Draining
    from rpc.reading import StoreReader
    from store.events import Event

__all__ = ["EventService"]


class EventService(event_service_pb2_grpc.EventServiceServicer):
    """Answers `tieout.v1.EventService`."""

    def __init__(self, reader: StoreReader, draining: Draining) -> None:
        """Ask `reader`; streams end when `draining` begins."""
        self._reader = reader
        self._draining = draining
        self._ends = EventEnds(reader)

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
        """Give what is there, then what comes, until the caller ends the call or the server."""
        kinds = _checked(request.kinds)
        coming = self._pages(EventCursor.of(request.page_token), kinds)
        async with aclosing(self._draining.followed(coming)) as pages:
            async for page in pages:
                yield page

    async def _pages(
        self, cursor: EventCursor, kinds: Sequence[str]
    ) -> AsyncGenerator[contract.StreamEventsResponse, None]:
        """What is there, then what comes."""
        async with self._ends.followed() as events_end:
            while True:
                end = await events_end.behind(cursor)
                events, cursor = await self._after(cursor, kinds)
                if events:
                    yield contract.StreamEventsResponse(
                        events=[_message(one) for one in events], next_page_token=str(cursor)
                    )
                if len(events) < PAGE_SIZE_MAX:
                    # Others than the wanted kinds were passed over: they are not looked at again.
                    cursor = max(cursor, end)

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
