"""The company that pictures of the workbench are taken of: people, files, and work half done.

Its server runs in a process of its own; what people do is done by calls, as they are.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from store import open_repository
from tests.server.local_users import add_user
from tests.web.clerks_world import (
    ACCOUNT,
    BANK_ACCOUNTS_CSV,
    COMPANY,
    fill_store,
    statement_of,
    submit_files,
)
from tieout.client import Client, Credentials
from tieout.v1 import (
    cases_pb2,
    session_service_pb2,
    team_service_pb2,
    webhook_service_pb2,
)
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["LONG_NAME", "PictureCompany"]

ROOT: Final = Path(__file__).resolve().parents[1]
LONG_NAME: Final = (
    "Arbeitsgemeinschaft Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamten "
    "und Partner Vermoegensverwaltungsgesellschaft mbH"
)
_WORD: Final = "correct horse battery"
_PEOPLE: Final = {"mia": "clerk", "bob": "approver", "ada": "admin", "otto": "auditor"}
_START_SECONDS: Final = 120
_SETTINGS: Final = """
[store]
url_file = "store.url"
encryption_key_file = "store.key"
[server]
workers = 2
spool = "."
[authentication]
local_users = true
[tables]
bank_accounts = "bank_accounts.csv"
[webhooks]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
"""
_WRONG_TABLE: Final = b"\x00\x01 this is no bank file\n"


class _Receiver(BaseHTTPRequestHandler):
    """An ERP that takes what it is told on one path, and refuses it on every other."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(204 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class PictureCompany:
    """The server with its company. `cases`: payer → case; `webhooks`: what for → webhook."""

    def __init__(self, folder: Path) -> None:
        """Fill a store in `folder`, start, and let everybody do their work."""
        for name, role in _PEOPLE.items():
            given = (folder, "default", name, _WORD, "--role", role)
            add_user(*given)  # a helper of the tests
        url = f"sqlite:///{folder / 'store.db'}"
        fill_store(url)
        repository = open_repository(url)
        with repository.booking() as booking:
            booking.database.change("UPDATE local_user SET must_change_password = 0")
        repository.close()
        (folder / "store.url").write_text(url)
        tieout = Path(sys.executable).with_name("tieout")
        new_key = [str(tieout), "store", "new-key", str(folder / "store.key")]
        subprocess.run(new_key, check=True, capture_output=True)  # noqa: S603 - our own program
        (folder / "bank_accounts.csv").write_text(BANK_ACCOUNTS_CSV)
        (folder / "tieout.toml").write_text(_SETTINGS)
        self._log = folder / "server.log"
        environment = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_HTTP_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_CONFIG": str(folder / "tieout.toml"),
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server"], cwd=ROOT, env=os.environ | environment, stderr=log
            )
        self._receiver = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
        Thread(target=self._receiver.serve_forever, daemon=True).start()
        try:
            self._fill()
        except BaseException:
            self.close()
            raise

    def _fill(self) -> None:
        self._address = self._said(r"gRPC on (\S+)")
        self.url = self._said(r"JSON on (\S+)").rstrip("/")
        self.tokens = {name: self._token(name) for name in _PEOPLE}
        self.webhooks = {path: self._webhook(path) for path in ("good", "broken")}
        self._files()
        self.cases = self._cases()
        self._work()

    def close(self) -> None:
        """Stop it."""
        self._receiver.shutdown()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def _said(self, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            found = re.search(pattern, self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.05)
        message = f"the server did not start:\n{self._log.read_text('utf-8')}"
        raise RuntimeError(message)

    def _token(self, name: str) -> str:
        wanted = session_service_pb2.SignInRequest(user_name=name, password=_WORD)
        with Client(self._address) as client:
            return client.call(wanted, session_service_pb2.SignInResponse).token

    def _client(self, name: str) -> Client:
        return Client(self._address, credentials=Credentials(token=self.tokens[name]))

    def _do(self, name: str, call: str, **fields: Any) -> Any:
        """A call of ExceptionService as somebody."""
        request: Message = getattr(contract, f"{call}Request")(**fields)
        with self._client(name) as client:
            return client.call(request, getattr(contract, f"{call}Response"))

    def _webhook(self, path: str) -> str:
        port = self._receiver.server_address[1]
        wanted = webhook_service_pb2.CreateWebhookRequest(
            url=f"http://127.0.0.1:{port}/{path}", description=f"ledger {path}"
        )
        with self._client("ada") as client:
            answer = client.call(wanted, webhook_service_pb2.CreateWebhookResponse)
        return answer.webhook.webhook_id

    def _files(self) -> None:
        """The usual statements; one that does not foot; one in the background; one that is none."""
        submit_files(self._address, self.tokens["ada"])
        long = [("12345.67", LONG_NAME, "DE91100000000123456789", "RECHNUNG " + "X" * 120)]
        good = statement_of(long, "STMT-2026-03-18", "2026-03-18")
        rows = [("100.00", "TESTER 01 HANDELS GMBH", ACCOUNT, "ZAHLUNG")]
        wrong = statement_of(rows, "STMT-2026-03-19", "2026-03-19").replace(b">1100.", b">1105.")
        with self._client("ada") as client:
            client.submit_bank_file(io.BytesIO(wrong), "statement-2026-03-19.xml")
            for content, name in ((good, "statement-2026-03-18.xml"), (_WRONG_TABLE, "notes.bin")):
                begun = client.submit_bank_file(io.BytesIO(content), name, background=True)
                client.wait_run(begun.run_id)

    def _cases(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in self._do("ada", "ListCases", page_size=1000).cases:
            found.setdefault(one.payer_name, one.case_id)
        return found

    def _work(self) -> None:
        """A few of the exceptions are worked on so that there is something to see."""
        cases = self.cases
        self._do("mia", "DecideException", exception_id=cases["NORDLICHT HANDEL"], proposal_rank=1)
        self._do(
            "bob",
            "AssignException",
            exception_id=cases["HENNING BARGELD"],
            assignee="mia",
            backup="bob",
        )
        self._do(
            "bob",
            "NoteException",
            exception_id=cases["HENNING BARGELD"],
            text="@mia he called and said it is for Kontor Nord.",
            mentions=["mia"],
        )
        self._do(
            "mia",
            "PrepareException",
            exception_id=cases["ORSTED SALG"],
            proposal_rank=1,
            remainder=cases_pb2.Remainder(kind=cases_pb2.REMAINDER_KIND_ON_ACCOUNT),
        )
        self._do(
            "mia",
            "DecideException",
            exception_id=cases["BALTIC FISHING AS"],
            proposal_rank=1,
            remainder=cases_pb2.Remainder(kind=cases_pb2.REMAINDER_KIND_REFUND),
        )
        fact = cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_FACT,
            fact_kind="alias",
            value="TESTER 01 HANDELS GMBH",
            company_id=COMPANY,
            customer_id="C-20001",
        )
        self._do(
            "mia", "DecideException", exception_id=cases["TESTER 01 HANDELS GMBH"], entries=[fact]
        )
        template = team_service_pb2.NoteTemplate(
            name="Which invoices?",
            subject="Your payment of {value_date}",
            body="Dear {payer},\n\nwhich invoices does your payment of {amount} settle?\n",
        )
        with self._client("bob") as client:
            client.call(
                team_service_pb2.SaveNoteTemplateRequest(template=template),
                team_service_pb2.SaveNoteTemplateResponse,
            )
