"""A change that is done once for each request id: asked for again, the first answer comes back.

For calls whose whole effect is one write block; the desk's acts and runs have their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from rpc.caller import current_caller
from rpc.desk_work import key_of
from rpc.match_job import read_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from rpc.reading import StoreReader
    from store.key_scopes import KeyScope
    from store.repository import Booking, Repository
    from store.requests import RequestKey

    _M = TypeVar("_M", bound=Message)

__all__ = ["answered_once", "key_of_call"]


def key_of_call(request: Any) -> RequestKey | None:
    """The key of a request by its message's name and the current caller; None without an id.

    Raises `FieldError` where the id is too long.
    """
    read_request_id(request.request_id)
    return key_of(type(request).DESCRIPTOR.name.removesuffix("Request"), request, current_caller())


async def answered_once(
    writer: StoreReader,
    key: RequestKey | None,
    now_ms: int,
    answer_class: type[_M],
    perform: Callable[[Booking], _M],
    owner_of: Callable[[_M], KeyScope] | None = None,
) -> _M:
    """Perform, or give what was answered to `key` before, in one write block.

    `owner_of` says whose key the kept answer is sealed by, where it is about somebody. Raises
    `RequestIdReusedError`, `AnswerErasedError`, and whatever `perform` does.
    """

    def book(store: Repository) -> _M:
        with store.booking() as booking:
            first = booking.requests.find(key) if key else None
            if first is not None:
                return answer_class.FromString(first)
            answer = perform(booking)
            if key is not None:
                owner = owner_of(answer) if owner_of else None
                booking.requests.keep(key, answer.SerializeToString(), now_ms, owner)
            return answer

    return await writer.ask(book)
