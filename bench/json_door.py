"""One call over both doors of the same server: `MatchPayments` by JSON and by gRPC, in turn.

Both clients build the request from the same message and read the answer into one, as a caller does.
Processor time of the whole machine's part in it is the server's and ours together.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc
import msgspec
from google.protobuf import json_format

from bench import record as records
from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation
from tieout import worlds
from tieout.v1 import match_service_pb2 as contract
from tieout.v1 import match_service_pb2_grpc, rows_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["JsonDoorRecord", "main"]

_ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 60.0
_MINOR = 100


class JsonDoorRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="json_door"):
    """One run: median seconds of a call over each door; `ratios` are JSON over gRPC."""

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    payments: int
    open_items: int
    calls: int
    request_bytes: dict[str, int]
    grpc_seconds: float
    json_seconds: float
    ratios: dict[str, float]


def make_request(payments: int, open_items: int) -> contract.MatchPaymentsRequest:
    """A request with a seeded world in it, rows as messages."""
    spec = worlds.scaled_spec(worlds.named_spec("demo"), payments, open_items)
    tables = worlds.generate_world(spec).tables
    paid = [
        rows_pb2.Payment(
            **_texts(row, "payment_id", "company_id", "bank_account", "method", "payer_name")
            | _texts(row, "payer_account", "bank_reference", "check_number", "remittance_text"),
            currency_code=row["currency"],
            value_date=row["value_date"].isoformat(),
            amount_minor=int(row["amount"] * _MINOR),
        )
        for row in tables["payments"].to_pylist()
    ]
    items = [
        rows_pb2.OpenItem(
            **_texts(row, "open_item_id", "company_id", "customer_id", "document_number")
            | _texts(row, "document_type", "purchase_order", "status"),
            currency_code=row["currency"],
            original_minor=int((row["original_amount"] or row["open_amount"]) * _MINOR),
            open_minor=int(row["open_amount"] * _MINOR),
            document_date=row["document_date"].isoformat() if row["document_date"] else "",
            due_date=row["due_date"].isoformat() if row["due_date"] else "",
        )
        for row in tables["open_items"].to_pylist()
    ]
    return contract.MatchPaymentsRequest(
        row_encoding=rows_pb2.ROW_ENCODING_MESSAGES,
        payments=rows_pb2.PaymentTable(
            row_count=len(paid), messages=rows_pb2.PaymentRows(payments=paid)
        ),
        open_items=rows_pb2.OpenItemTable(
            row_count=len(items), messages=rows_pb2.OpenItemRows(open_items=items)
        ),
    )


def _texts(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] or "" for name in names}


class _Server:
    """`python -m server` with free ports and an empty store in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "server.log"
        given = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_HTTP_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_STORE": f"sqlite:///{folder / 'store.db'}",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server"], cwd=_ROOT, env=os.environ | given, stderr=log
            )
        self.grpc_address = self._said(r"gRPC on (\S+)")
        self.url = self._said(r"JSON on (\S+)")

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            found = re.search(pattern, self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.05)
        message = f"the server did not start:\n{self._log.read_text('utf-8')}"
        raise RuntimeError(message)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def measure(
    request: contract.MatchPaymentsRequest, calls: int, folder: Path
) -> tuple[float, float, int]:
    """Median seconds by gRPC and by JSON, and the bytes of the JSON request."""
    server = _Server(folder)
    try:
        with grpc.insecure_channel(server.grpc_address) as channel:
            stub = match_service_pb2_grpc.MatchServiceStub(channel)
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
            plain = json_format.MessageToDict(request)

            def by_grpc() -> Any:
                return stub.MatchPayments(request)

            def by_json() -> Any:
                body = msgspec.json.encode(plain)
                headers = {"content-type": "application/json"}
                connection.request("POST", "/v1/payments:match", body, headers)
                return json.loads(connection.getresponse().read())

            answer = json_format.ParseDict(by_json(), contract.MatchPaymentsResponse())
            if answer != by_grpc():
                message = "the two doors do not answer alike"
                raise RuntimeError(message)
            seconds = _in_turn((by_grpc, by_json), calls)
            connection.close()
    finally:
        server.stop()
    return seconds[0], seconds[1], len(msgspec.json.encode(plain))


def _in_turn(works: Sequence[Callable[[], Any]], calls: int) -> list[float]:
    """Median seconds of each, done in turn so that a slow moment meets all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(calls):
        for seconds, work in zip(taken, works, strict=True):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in taken]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = argparse.ArgumentParser(prog="python -m bench.json_door", description=__doc__)
    reader.add_argument("--quick", action="store_true", help="few rows, to see that all runs")
    reader.add_argument("--calls", type=int, default=50, help="over each door")
    reader.add_argument("--date", help="date of the line, ISO 8601; today where not given")
    reader.add_argument("--history", type=Path, help="file the line is added to")
    chosen = reader.parse_args(arguments)
    payments, open_items, calls = (20, 100, 2) if chosen.quick else (100, 1_000, chosen.calls)
    request = make_request(payments, open_items)
    with tempfile.TemporaryDirectory() as name:
        grpc_seconds, json_seconds, json_bytes = measure(request, calls, Path(name))
    record = JsonDoorRecord(
        date=chosen.date or datetime.datetime.now(datetime.UTC).date().isoformat(),
        size="quick" if chosen.quick else "full",
        machine=records.this_machine(),
        versions=records.installed_versions(),
        payments=payments,
        open_items=open_items,
        calls=calls,
        request_bytes={"gRPC": request.ByteSize(), "JSON": json_bytes},
        grpc_seconds=round(grpc_seconds, 4),
        json_seconds=round(json_seconds, 4),
        ratios={"JSON / gRPC": round(json_seconds / grpc_seconds, 2)},
    )
    print(
        f"MatchPayments, {payments} payments × {open_items} open items, median of {calls} calls: "
        f"gRPC {grpc_seconds * 1_000:.1f} ms, JSON {json_seconds * 1_000:.1f} ms, "
        f"ratio {record.ratios['JSON / gRPC']}"
    )
    history = chosen.history or (None if chosen.quick else records.HISTORY)
    if history is not None:
        records.append(record, history)
        print(f"added to {history}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
