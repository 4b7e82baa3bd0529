"""ViewService: views of the queue that people keep."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from rpc.caller import Role, current_caller
from rpc.errors import FieldError, RoleMissingError
from store.views import SavedView
from tieout.v1 import view_service_pb2 as contract
from tieout.v1 import view_service_pb2_grpc

if TYPE_CHECKING:
    import grpc.aio

    from rpc.reading import StoreReader
    from store.repository import Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["NAME_LENGTH_MAX", "QUERY_LENGTH_MAX", "ViewService"]

NAME_LENGTH_MAX: Final = 60
QUERY_LENGTH_MAX: Final = 2_000


class ViewService(view_service_pb2_grpc.ViewServiceServicer):
    """Answers `tieout.v1.ViewService`."""

    def __init__(self, reader: StoreReader, writer: StoreReader) -> None:
        """Ask `reader`, keep through `writer`."""
        self._reader = reader
        self._writer = writer

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
        view = SavedView(
            view_id=uuid.uuid4().hex,
            owner=current_caller().name,
            is_team=request.is_team,
            name=name,
            query=request.query,
        )

        def save(store: Repository) -> None:
            with store.booking() as booking:
                booking.views.save(view)

        await self._writer.ask(save)
        return contract.SaveViewResponse(view=_message(view))

    async def DeleteView(  # noqa: N802 - the contract's name
        self,
        request: contract.DeleteViewRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DeleteViewResponse:
        """Forget one of the caller's own, or as an admin anybody's."""
        caller = current_caller()

        def delete(store: Repository) -> None:
            with store.booking() as booking:
                view = booking.views.find(request.view_id)
                if (
                    view is not None
                    and view.owner != caller.name
                    and Role.ADMIN not in caller.roles
                ):
                    message = f"the view {view.name!r} is {view.owner!r}'s; an admin may delete it"
                    raise RoleMissingError(
                        message,
                        caller=caller.name,
                        rpc="tieout.v1.ViewService/DeleteView",
                        permission="administer",
                    )
                booking.views.delete(request.view_id)

        await self._writer.ask(delete)
        return contract.DeleteViewResponse()


def _message(view: SavedView) -> contract.View:
    return contract.View(
        view_id=view.view_id,
        owner=view.owner,
        is_team=view.is_team,
        name=view.name,
        query=view.query,
    )
