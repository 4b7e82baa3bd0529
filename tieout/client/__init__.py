"""A client of a Tieout server, for threads and for asyncio; needs only gRPC and protobuf.

    from tieout.client import Client

    with Client("127.0.0.1:50051") as client:
        receipt = client.submit_bank_file("statement.bai", "statement.bai").bank_file

Messages of `tieout.v1` go in and come out. What may be tried again is, with the same `request_id`:
a mutation is done once. Arrow tables need pyarrow, which is imported where they are used.
"""

from __future__ import annotations

from tieout.client.awaited import AsyncClient
from tieout.client.blocking import Client
from tieout.client.credentials import Credentials
from tieout.client.errors import ClientError, UnreachableError
from tieout.client.operations import MatchedTables
from tieout.client.retrying import NO_RETRIES, Retrying

__all__ = [
    "NO_RETRIES",
    "AsyncClient",
    "Client",
    "ClientError",
    "Credentials",
    "MatchedTables",
    "Retrying",
    "UnreachableError",
]
