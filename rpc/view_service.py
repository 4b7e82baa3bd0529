"""ViewService: views of the queue that people keep."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from rpc.answered_once import answered_once, key_of_call
from rpc.caller import Role, current_caller
from rpc.errors import FieldError, RoleMissingError
from store.views import SavedView
from tieout.v1 import view_service_pb2 as contract
from tieout.v1 import view_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from rpc.reading import StoreReader
    from store.repository import Booking

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["NAME_LENGTH_MAX", "QUERY_LENGTH_MAX", "ViewService"]

NAME_LENGTH_MAX: Final = 60
QUERY_LENGTH_MAX: Final = 2_000


class ViewService(view_service_pb2_grpc.ViewServiceServicer):
    """Answers `tieout.v1.ViewService`."""

    def __init__(self, reader: StoreReader, writer: StoreReader, now_ms: Callable[[], int]) -> None:
        """Ask `reader`, keep through `writer`."""
        self._reader = reader
        self._writer = writer
        self._now_ms = now_ms

    async def ListViews(  # noqa: N802 - the contract's name
        self,
        request: contract.ListViewsRequest,  # noqa: ARG002 - it says nothing yet
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListViewsResponse:
        """The caller's views and the team's."""
        person = current_caller().name
        found = await self._reader.ask(lambda store: store.views.shown_to(person))
        return contract.ListViewsResponse(views=[_message(one) for one in found])

    async def SaveView(  # noqa: N802 - the contract's name
        self,
        request: contract.SaveViewRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.SaveViewResponse:
        """Keep one."""
        name = request.name.strip()
        if not 0 < len(name) <= NAME_LENGTH_MAX:
            message = f"name has {len(name)} characters, expected 1 to {NAME_LENGTH_MAX}"
            raise FieldError(message, field="name", value=name[:NAME_LENGTH_MAX])
        if len(request.query) > QUERY_LENGTH_MAX:
            message = f"query has {len(request.query)} characters, at most {QUERY_LENGTH_MAX}"
            raise FieldError(message, field="query")
        key = key_of_call(request)
        wanted = SavedView(
            view_id=uuid.uuid4().hex,
            owner=current_caller().name,
            is_team=request.is_team,
            name=name,
            query=request.query,
        )

        def save(booking: Booking) -> contract.SaveViewResponse:
            return contract.SaveViewResponse(
                view=_message(booking.views.save(wanted, request.etag))
            )

        return await answered_once(
            self._writer, key, self._now_ms(), contract.SaveViewResponse, save
        )

    async def DeleteView(  # noqa: N802 - the contract's name
        self,
        request: contract.DeleteViewRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DeleteViewResponse:
        """Forget one of the caller's own, or as an admin anybody's."""
        caller = current_caller()
        key = key_of_call(request)

        def delete(booking: Booking) -> contract.DeleteViewResponse:
            view = booking.views.find(request.view_id)
            if view is not None and view.owner != caller.name and Role.ADMIN not in caller.roles:
                message = f"the view {view.name!r} is {view.owner!r}'s; an admin may delete it"
                raise RoleMissingError(
                    message,
                    caller=caller.name,
                    rpc="tieout.v1.ViewService/DeleteView",
                    permission="administer",
                )
            booking.views.delete(request.view_id, request.etag)
            return contract.DeleteViewResponse()

        return await answered_once(
            self._writer, key, self._now_ms(), contract.DeleteViewResponse, delete
        )


def _message(view: SavedView) -> contract.View:
    return contract.View(
        view_id=view.view_id,
        owner=view.owner,
        is_team=view.is_team,
        name=view.name,
        query=view.query,
        etag=view.etag,
    )
