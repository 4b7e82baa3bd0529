"""CustomerService: customers come in from the ERP and are read as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.batches import CustomerBatch
from rpc.caller import current_caller
from rpc.conversions import REQUEST_TABLES, encode_table
from rpc.customer_search import find_customers
from rpc.errors import CustomerNotFoundError, FieldError
from rpc.import_tables import CUSTOMERS
from rpc.page_tokens import key_token, page_limit, read_key_token
from rpc.stored_rows import fitting_page, stored_messages
from tieout.v1 import customer_service_pb2 as contract
from tieout.v1 import customer_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio

    from rpc.reading import StoreReader
    from rpc.row_imports import RowImports
    from store.keyed_rows import Key
    from store.repository import Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["CustomerService"]

_ORDER: Final = "customer"
_FOUND: Final = 20
_FOUND_MAX: Final = 100
_TEXT_LENGTH_MAX: Final = 200
_KIND: Final = next(kind for kind in REQUEST_TABLES if kind.batch_class is CustomerBatch)


class _Wanted(msgspec.Struct, frozen=True):
    """Which customers a list holds."""

    company_id: str
    changed_after: int


class CustomerService(customer_service_pb2_grpc.CustomerServiceServicer):
    """Answers `tieout.v1.CustomerService`."""

    def __init__(self, reader: StoreReader, imports: RowImports) -> None:
        """Ask `reader`; bring in through `imports`."""
        self._reader = reader
        self._imports = imports

    async def ImportCustomers(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[contract.ImportCustomersRequest],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ImportCustomersResponse:
        """Take one import in."""
        response = await self._imports.run(CUSTOMERS, request_iterator)
        return contract.ImportCustomersResponse.FromString(response)

    async def ListCustomers(  # noqa: N802 - the contract's name
        self,
        request: contract.ListCustomersRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListCustomersResponse:
        """One page of customers, of the caller's companies."""
        wanted = _Wanted(request.company_id, request.changed_after)
        if wanted.changed_after < 0:
            message = f"changed_after is {wanted.changed_after}, expected 0 or more"
            raise FieldError(message, field="changed_after", value=str(wanted.changed_after))
        caller = current_caller()
        if wanted.company_id:
            caller.check_company(wanted.company_id)
        after = read_key_token(request.page_token, wanted, _ORDER)
        limit = page_limit(request.page_size)

        def page(store: Repository) -> tuple[list[Any], Key | None, int]:
            with store.reading():
                number = store.customers.last_number()
                found, further = store.customers.list_customers(
                    wanted.company_id,
                    after,
                    limit,
                    companies=caller.companies,
                    changed_after=wanted.changed_after,
                )
            return *fitting_page(CUSTOMERS, found, further), number

        messages, further, number = await self._reader.ask(page)
        return contract.ListCustomersResponse(
            customers=messages,
            next_page_token=key_token(further, wanted, _ORDER),
            change_number=number,
        )

    async def FindCustomers(  # noqa: N802 - the contract's name
        self,
        request: contract.FindCustomersRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.FindCustomersResponse:
        """Customers by what somebody knows of them."""
        caller = current_caller()
        if request.company_id:
            caller.check_company(request.company_id)
        if not 0 <= request.page_size <= _FOUND_MAX:
            message = f"page_size is {request.page_size}, expected 0 to {_FOUND_MAX}"
            raise FieldError(message, field="page_size", value=str(request.page_size))
        text, limit = request.text.strip()[:_TEXT_LENGTH_MAX], request.page_size or _FOUND
        if not text:
            return contract.FindCustomersResponse()
        found = await self._reader.ask(
            lambda store: find_customers(store, text, request.company_id, caller.companies, limit)
        )
        table = encode_table(_KIND, found, arrow=False)
        return contract.FindCustomersResponse(customers=table.messages.customers)

    async def GetCustomer(  # noqa: N802 - the contract's name
        self,
        request: contract.GetCustomerRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetCustomerResponse:
        """One customer."""
        current_caller().check_company(request.company_id)
        key = (request.company_id, request.customer_id)
        found = await self._reader.ask(
            lambda store: stored_messages(CUSTOMERS, store.customers.find([key]))
        )
        if not found:
            message = f"no customer {key[1]!r} of company {key[0]!r} is kept here"
            raise CustomerNotFoundError(message, company_id=key[0], customer_id=key[1])
        (stored,) = found
        return contract.GetCustomerResponse(customer=stored.customer, etag=stored.etag)
