"""OpenItemService: open items come in from the ERP and are read as they are open to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rpc.caller import current_caller
from rpc.errors import FieldError, OpenItemNotFoundError
from rpc.import_tables import OPEN_ITEMS
from rpc.page_tokens import key_token, page_limit, read_key_token
from rpc.stored_rows import fitting_page, stored_messages
from store.open_items import ItemFilter
from tieout.v1 import open_item_service_pb2 as contract
from tieout.v1 import open_item_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio

    from rpc.reading import StoreReader
    from rpc.row_imports import RowImports
    from store.keyed_rows import Key
    from store.repository import Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["OpenItemService"]

_ORDER: Final = "open_item"


class OpenItemService(open_item_service_pb2_grpc.OpenItemServiceServicer):
    """Answers `tieout.v1.OpenItemService`."""

    def __init__(self, reader: StoreReader, imports: RowImports) -> None:
        """Ask `reader`; bring in through `imports`."""
        self._reader = reader
        self._imports = imports

    async def ImportOpenItems(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[contract.ImportOpenItemsRequest],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ImportOpenItemsResponse:
        """Take one import in."""
        response = await self._imports.run(OPEN_ITEMS, request_iterator)
        return contract.ImportOpenItemsResponse.FromString(response)

    async def ListOpenItems(  # noqa: N802 - the contract's name
        self,
        request: contract.ListOpenItemsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListOpenItemsResponse:
        """One page of items, of the caller's companies."""
        wanted = ItemFilter(
            company_id=request.company_id,
            customer_id=request.customer_id,
            currency=request.currency_code,
            document_number=request.document_number,
            status=request.status,
            is_open=request.is_open,
        )
        if request.changed_after < 0:
            message = f"changed_after is {request.changed_after}, expected 0 or more"
            raise FieldError(message, field="changed_after", value=str(request.changed_after))
        caller = current_caller()
        if request.company_id:
            caller.check_company(request.company_id)
        order = f"{_ORDER} after {request.changed_after}"
        after = read_key_token(request.page_token, wanted, order)
        limit = page_limit(request.page_size)

        def page(store: Repository) -> tuple[list[Any], Key | None, int]:
            with store.reading():
                number = store.open_items.last_number()
                found, further = store.open_items.list_items(
                    wanted,
                    after,
                    limit,
                    companies=caller.companies,
                    changed_after=request.changed_after,
                )
            return *fitting_page(OPEN_ITEMS, found, further), number

        messages, further, number = await self._reader.ask(page)
        return contract.ListOpenItemsResponse(
            open_items=messages,
            next_page_token=key_token(further, wanted, order),
            change_number=number,
        )

    async def GetOpenItem(  # noqa: N802 - the contract's name
        self,
        request: contract.GetOpenItemRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetOpenItemResponse:
        """One item."""
        current_caller().check_company(request.company_id)
        key = (request.company_id, request.open_item_id)
        found = await self._reader.ask(
            lambda store: stored_messages(OPEN_ITEMS, store.open_items.find([key]))
        )
        if not found:
            message = f"no open item {key[1]!r} of company {key[0]!r} is kept here"
            raise OpenItemNotFoundError(message, company_id=key[0], open_item_id=key[1])
        (stored,) = found
        return contract.GetOpenItemResponse(open_item=stored.open_item, etag=stored.etag)
