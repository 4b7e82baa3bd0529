"""What the OpenAPI document says of tables in Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from web.json_door.arrow_streams import ARROW
from web.json_door.table_answers import ALL_TABLES, SUMMARY
from web.json_door.table_bodies import FORM
from web.json_door.table_fields import tables_of

if TYPE_CHECKING:
    from web.json_door.contract import Rpc

__all__ = ["SUMMARY_HEADER", "arrow_answers", "arrow_bodies", "arrow_rows"]

SUMMARY_HEADER: Final[dict[str, Any]] = {
    SUMMARY: {
        "description": "The summary as JSON, where one table is all of the body.",
        "schema": {"type": "string"},
    }
}
"""The header beside a table."""


def arrow_rows(what: str) -> dict[str, Any]:
    """A body that is one table."""
    said = f"{what} as an Arrow IPC stream, its columns named and typed as the contract has them."
    return {"schema": {"description": said}}


def arrow_bodies(rpc: Rpc) -> dict[str, Any]:
    """Bodies of a call that takes tables: the first of them alone, or a form with each."""
    request = rpc.request.DESCRIPTOR
    tables = tables_of(request)
    stream = {"type": "string", "contentMediaType": ARROW}
    message = {
        "type": "object",
        "description": "The other fields; they may stand in the query as well.",
    }
    parts = {request.fields_by_name[name].json_name: stream for name in tables}
    return {
        ARROW: arrow_rows(f"`{request.fields_by_name[tables[0]].json_name}`"),
        FORM: {
            "schema": {
                "type": "object",
                "description": "Tables as files, each an Arrow IPC stream.",
                "properties": {"message": message} | parts,
                "additionalProperties": False,
            },
            "encoding": {"message": {"contentType": "application/json"}}
            | {name: {"contentType": ARROW} for name in parts},
        },
    }


def arrow_answers(rpc: Rpc) -> dict[str, Any]:
    """Answers for a caller who takes Arrow: one table, or all of them."""
    tables = ", ".join(tables_of(rpc.response.DESCRIPTOR))
    one = f"One of {tables}: `Accept: {ARROW};table=…`, `applications` where none is named."
    every = f"The summary as JSON, and {tables} as parts with a name, each an Arrow IPC stream."
    return {
        ARROW: {"schema": {"description": one}},
        ALL_TABLES: {"schema": {"description": every}},
    }
