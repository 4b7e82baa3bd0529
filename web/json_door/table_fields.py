"""Which fields of a message are tables: rows as messages, or as one Arrow stream."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from web.json_door.contract import message_in

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from web.json_door.contract import Rpc

__all__ = ["ROW_ENCODING", "answers_in_tables", "tables_of", "takes_tables"]

ROW_ENCODING: Final = "row_encoding"
_ROWS: Final = "tieout.v1.ArrowRows"


@functools.cache
def tables_of(descriptor: Descriptor) -> tuple[str, ...]:
    """Names of the fields of `descriptor` that are tables, in the order of the contract."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field.message_type is not None and _is_table(field.message_type)
    )


def takes_tables(rpc: Rpc) -> bool:
    """Whether tables come with the request, which may then be Arrow."""
    return bool(tables_of(rpc.request.DESCRIPTOR))


def answers_in_tables(rpc: Rpc) -> bool:
    """Whether the caller may choose Arrow for the tables of the answer."""
    request = rpc.request.DESCRIPTOR
    header = message_in(request.fields_by_name["header"]) if rpc.streams_requests else request
    return ROW_ENCODING in header.fields_by_name and bool(tables_of(rpc.response.DESCRIPTOR))


def _is_table(descriptor: Descriptor) -> bool:
    arrow = descriptor.fields_by_name.get("arrow")
    return (
        arrow is not None
        and arrow.message_type is not None
        and arrow.message_type.full_name == _ROWS
    )
