"""PersonService: preferences of whoever calls, and where somebody mentioned them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.timestamp_pb2 import Timestamp

from rpc.answered_once import answered_once, key_of_call
from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.page_tokens import page_limit, page_token, read_page_token
from store.preferences import preferences_etag
from tieout.v1 import person_service_pb2 as contract
from tieout.v1 import person_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from rpc.reading import StoreReader
    from store.mentions import Mention
    from store.repository import Booking, Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["CASES_MAX", "PREFERENCES_BYTES_MAX", "PersonService"]

PREFERENCES_BYTES_MAX: Final = 4_000
CASES_MAX: Final = 500
_ORDER: Final = "mention"


class _Wanted(msgspec.Struct, frozen=True):
    """The list that a page token is a place of."""

    person: str
    with_read: bool


class PersonService(person_service_pb2_grpc.PersonServiceServicer):
    """Answers `tieout.v1.PersonService`."""

    def __init__(self, reader: StoreReader, writer: StoreReader, now_ms: Callable[[], int]) -> None:
        """Ask `reader`, keep through `writer`."""
        self._reader = reader
        self._writer = writer
        self._now_ms = now_ms

    async def GetPreferences(  # noqa: N802 - the contract's name
        self,
        request: contract.GetPreferencesRequest,  # noqa: ARG002 - it says nothing
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetPreferencesResponse:
        """What the caller kept last."""
        person = current_caller().name
        kept = await self._reader.ask(lambda store: store.preferences.of_person(person))
        answer = contract.GetPreferencesResponse(etag=preferences_etag(kept))
        if kept is not None:
            Parse(kept, answer.preferences, ignore_unknown_fields=True)
            answer.preferences.SetInParent()
        return answer

    async def SavePreferences(  # noqa: N802 - the contract's name
        self,
        request: contract.SavePreferencesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.SavePreferencesResponse:
        """Keep them."""
        size = request.preferences.ByteSize()
        if size > PREFERENCES_BYTES_MAX:
            message = f"preferences have {size} bytes, at most {PREFERENCES_BYTES_MAX}"
            raise FieldError(message, field="preferences")
        person = current_caller().name
        key = key_of_call(request)
        content = MessageToJson(request.preferences, indent=None, sort_keys=True)
        answer = contract.SavePreferencesResponse(
            preferences=request.preferences, etag=preferences_etag(content)
        )

        def save(booking: Booking) -> contract.SavePreferencesResponse:
            booking.preferences.save(person, content, request.etag)
            return answer

        return await answered_once(
            self._writer, key, self._now_ms(), contract.SavePreferencesResponse, save
        )

    async def ListMentions(  # noqa: N802 - the contract's name
        self,
        request: contract.ListMentionsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListMentionsResponse:
        """Where the caller was mentioned."""
        person = current_caller().name
        limit = page_limit(request.page_size)
        wanted = _Wanted(person, with_read=request.with_read)
        before = read_page_token(request.page_token, wanted, _ORDER)

        def page(store: Repository) -> tuple[list[Mention], int]:
            with store.reading():
                found = store.mentions.of_person(
                    person,
                    before[0] if before else 0,
                    limit + 1,
                    with_read=request.with_read,
                )
                return found, store.mentions.unread_count(person)

        found, unread = await self._reader.ask(page)
        further = (found[limit - 1].number, 0) if len(found) > limit else None
        return contract.ListMentionsResponse(
            mentions=[_message(one) for one in found[:limit]],
            next_page_token=page_token(further, wanted, _ORDER),
            unread_count=unread,
        )

    async def ReadMentions(  # noqa: N802 - the contract's name
        self,
        request: contract.ReadMentionsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReadMentionsResponse:
        """They are read."""
        if len(request.case_ids) > CASES_MAX:
            message = f"case_ids has {len(request.case_ids)} values, at most {CASES_MAX}"
            raise FieldError(message, field="case_ids")
        person, now_ms = current_caller().name, self._now_ms()
        key = key_of_call(request)

        def read(booking: Booking) -> contract.ReadMentionsResponse:
            booking.mentions.read(person, request.case_ids, now_ms)
            return contract.ReadMentionsResponse(unread_count=booking.mentions.unread_count(person))

        return await answered_once(self._writer, key, now_ms, contract.ReadMentionsResponse, read)


def _message(mention: Mention) -> contract.Mention:
    return contract.Mention(
        case_id=mention.case_id,
        act_number=mention.act_number,
        author=mention.author,
        text=mention.text,
        mention_time=_time(mention.mentioned_at_ms),
        read_time=_time(mention.read_at_ms),
    )


def _time(at_ms: int) -> Timestamp | None:
    if not at_ms:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(at_ms)
    return moment
