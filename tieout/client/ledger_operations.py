"""What a client does with open items and customers: brings them in, lists them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tieout.client.attempted import AttemptedCalls
from tieout.client.flows import can_be_read_again, rows_of
from tieout.client.methods import method_of
from tieout.client.steps import Rows, Steps, listing, operation
from tieout.v1 import customer_service_pb2, open_item_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = ["LedgerOperations"]


class LedgerOperations(AttemptedCalls):
    """Imports and lists of open items, imports of customers."""

    @operation
    def import_open_items(
        self, requests: Iterable[open_item_service_pb2.ImportOpenItemsRequest]
    ) -> Steps[open_item_service_pb2.ImportOpenItemsResponse]:
        """Bring open items in: the header, then chunks. Tried again where `requests` is a list."""
        contract = open_item_service_pb2
        answer = contract.ImportOpenItemsResponse
        method = method_of(contract.ImportOpenItemsRequest, answer)
        again = can_be_read_again(requests)
        return (yield from self._attempt(method, lambda: requests, answer, may_retry=again))

    @operation
    def import_customers(
        self, requests: Iterable[customer_service_pb2.ImportCustomersRequest]
    ) -> Steps[customer_service_pb2.ImportCustomersResponse]:
        """Bring customers in: the header, then chunks. Tried again where `requests` is a list."""
        contract = customer_service_pb2
        answer = contract.ImportCustomersResponse
        method = method_of(contract.ImportCustomersRequest, answer)
        again = can_be_read_again(requests)
        return (yield from self._attempt(method, lambda: requests, answer, may_retry=again))

    @operation
    def import_open_item_table(
        self,
        table: pa.Table,
        *,
        snapshot: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Steps[open_item_service_pb2.ImportOpenItemsResponse]:
        """Bring an Arrow table of open items in; needs pyarrow.

        With `snapshot` it is all there is in its companies; counts and sums are worked out here.
        """
        from tieout.client.arrow import open_item_import  # noqa: PLC0415 - only tables need it

        contract = open_item_service_pb2
        requests = open_item_import(
            table,
            snapshot=snapshot,
            request_id=request_id or uuid.uuid4().hex,
            validate_only=validate_only,
        )
        answer = contract.ImportOpenItemsResponse
        method = method_of(contract.ImportOpenItemsRequest, answer)
        return (yield from self._attempt(method, lambda: requests, answer))

    @operation
    def import_customer_table(
        self,
        table: pa.Table,
        *,
        snapshot: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> Steps[customer_service_pb2.ImportCustomersResponse]:
        """Bring an Arrow table of customers in; needs pyarrow.

        With `snapshot` they are all there are in their companies; they are counted here.
        """
        from tieout.client.arrow import customer_import  # noqa: PLC0415 - as above

        contract = customer_service_pb2
        requests = customer_import(
            table,
            snapshot=snapshot,
            request_id=request_id or uuid.uuid4().hex,
            validate_only=validate_only,
        )
        answer = contract.ImportCustomersResponse
        method = method_of(contract.ImportCustomersRequest, answer)
        return (yield from self._attempt(method, lambda: requests, answer))

    @listing
    def open_items(
        self,
        *,
        company_id: str = "",
        customer_id: str = "",
        changed_after: int = 0,
        page_size: int = 0,
    ) -> Rows[open_item_service_pb2.StoredOpenItem]:
        """Open items in the order of company and id, fetched page by page."""
        contract = open_item_service_pb2
        request = contract.ListOpenItemsRequest(
            company_id=company_id,
            customer_id=customer_id,
            changed_after=changed_after,
            page_size=page_size,
        )
        pages = self._pages(request, contract.ListOpenItemsResponse)
        yield from rows_of(pages, lambda page: page.open_items)
