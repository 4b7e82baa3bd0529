"""What an ERP answered to a document, read back: confirmed, or failed with a reason in plain words.

Answers come as JSON lines (`document_id`, `status` of HTTP, `body` as the ERP gave it) or as a
table (`document_id`, `state`, `document`, `code`, `message`) a program at the customer wrote.
"""

from __future__ import annotations

import csv
import functools
import io
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from adapters.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adapters.documents import Document

__all__ = ["PaymentState", "PostingAnswer", "payment_states", "read_answers"]

AnswerState = Literal["confirmed", "post_failed"]
_HTTP_OK: Final = range(200, 300)
_HTTP_LATER: Final = (408, 425, 429, 500, 502, 503, 504)
_HTTP_FORBIDDEN: Final = (401, 403)
_TABLE: Final = ("document_id", "state", "document", "code", "message")


class PostingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An ERP's answer to one document.

    `erp_document` is what the ERP calls it; `code` and `message` are the ERP's own; `sentence` and
    `hint` say in plain words what is wrong and what to do; `is_retryable`: sending it again later
    is the way.
    """

    document_id: str
    payment_id: str
    state: AnswerState
    erp_document: str = ""
    code: str = ""
    message: str = ""
    sentence: str = ""
    hint: str = ""
    is_retryable: bool = False


class PaymentState(msgspec.Struct, frozen=True, kw_only=True):
    """A payment by the answers to all its documents.

    `confirmed` where all are, `post_failed` where one failed, else `waiting`.
    """

    payment_id: str
    state: Literal["confirmed", "post_failed", "waiting"]
    documents: int
    confirmed: int
    sentence: str = ""
    hint: str = ""


class _Line(msgspec.Struct, frozen=True):
    document_id: str
    status: int = 200
    body: Any = None


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    adapters: tuple[str, ...]
    pattern: str
    sentence: str
    hint: str
    state: AnswerState = "post_failed"
    retry: bool = False


class _Fault(msgspec.Struct, frozen=True):
    code: str
    message: str


def read_answers(
    content: bytes, name: str, adapter: str, documents: Iterable[Document]
) -> tuple[PostingAnswer, ...]:
    """The answers in `content` (JSON lines, or a table where `name` ends in `.csv`).

    Of several answers to one document the last one counts. Raises `AnswerError`.
    """
    known = {one.document_id: one.payment_id for one in documents}
    read = _table if name.lower().endswith(".csv") else _json_lines
    answers: dict[str, PostingAnswer] = {}
    for place, identity, status, document, fault in read(content, name, adapter):
        if identity not in known:
            message = f"{name}: line {place}: {identity!r} is no document of this export"
            raise AnswerError(message)
        answers[identity] = _answer(identity, known[identity], adapter, status, document, fault)
    return tuple(answers[identity] for identity in known if identity in answers)


def payment_states(
    documents: Iterable[Document], answers: Iterable[PostingAnswer]
) -> tuple[PaymentState, ...]:
    """The state of every payment that has documents, in the documents' order."""
    by_document = {one.document_id: one for one in answers}
    grouped: dict[str, list[PostingAnswer | None]] = {}
    for document in documents:
        grouped.setdefault(document.payment_id, []).append(by_document.get(document.document_id))
    states = []
    for payment, found in grouped.items():
        failed = next((one for one in found if one and one.state == "post_failed"), None)
        confirmed = sum(1 for one in found if one and one.state == "confirmed")
        states.append(
            PaymentState(
                payment_id=payment,
                state="post_failed"
                if failed
                else "confirmed"
                if confirmed == len(found)
                else "waiting",
                documents=len(found),
                confirmed=confirmed,
                sentence=failed.sentence if failed else "",
                hint=failed.hint if failed else "",
            )
        )
    return tuple(states)


_Read = tuple[int, str, int, str, _Fault | None]
"""Line, document, HTTP status, what the ERP calls the document, what it complains of."""


def _json_lines(content: bytes, name: str, adapter: str) -> Iterable[_Read]:
    decoder = msgspec.json.Decoder(_Line)
    for place, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            read = decoder.decode(line)
        except msgspec.DecodeError as error:
            message = f"{name}: line {place} is no answer: {error}"
            raise AnswerError(message) from None
        fault = _fault_of(adapter, read.body)
        if read.status not in _HTTP_OK and fault is None:
            fault = _Fault(str(read.status), _text(read.body))
        yield place, read.document_id, read.status, _document_of(read.body), fault


def _table(content: bytes, name: str, adapter: str) -> Iterable[_Read]:
    del adapter
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    missing = [column for column in _TABLE[:2] if column not in (rows.fieldnames or ())]
    if missing:
        message = f"{name}: the column {missing[0]!r} is missing; expected {', '.join(_TABLE)}"
        raise AnswerError(message)
    for place, row in enumerate(rows, 2):
        state = row["state"]
        if state not in ("confirmed", "post_failed"):
            message = (
                f"{name}: line {place}, column state: {state!r} is neither confirmed nor "
                f"post_failed"
            )
            raise AnswerError(message)
        fault = None
        if state == "post_failed":
            fault = _Fault(row.get("code") or "", row.get("message") or "no reason was given")
        yield place, row["document_id"], 200, row.get("document") or "", fault


def _answer(
    identity: str, payment: str, adapter: str, status: int, document: str, fault: _Fault | None
) -> PostingAnswer:
    if fault is None:
        return PostingAnswer(
            document_id=identity, payment_id=payment, state="confirmed", erp_document=document
        )
    words = _words_for(adapter, status, fault)
    return PostingAnswer(
        document_id=identity,
        payment_id=payment,
        state=words.state,
        erp_document=document,
        code=fault.code,
        message=fault.message,
        sentence=words.sentence,
        hint=words.hint,
        is_retryable=words.retry,
    )


@functools.cache
def _all_words() -> tuple[_Words, ...]:
    text = resources.files("adapters").joinpath("answer_words.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["words"], tuple[_Words, ...])


def _words_for(adapter: str, status: int, fault: _Fault) -> _Words:
    text = f"{fault.code} {fault.message}".strip()
    for words in _all_words():
        if adapter in words.adapters and re.search(words.pattern, text, re.IGNORECASE):
            return words
    sentence, hint, retry = "The ERP refused the document.", "Its own words are in message.", False
    if status in _HTTP_FORBIDDEN:
        sentence = "Whoever sends the documents may not post there."
        hint = "Renew the sign-in, or have the role extended; then send the document again."
    elif status in _HTTP_LATER:
        sentence = "The ERP could not answer just now."
        hint = "Send the document again later: its id keeps it from being posted twice."
        retry = True
    return _Words(adapters=(adapter,), pattern="", sentence=sentence, hint=hint, retry=retry)


def _text(body: Any) -> str:
    if isinstance(body, str):
        return body
    return "" if body is None else msgspec.json.encode(body).decode()[:500]


def _document_of(body: Any) -> str:
    """What the ERP calls the new document, wherever it says so."""
    if isinstance(body, bool) or body is None:
        return ""
    if isinstance(body, int | str):
        return str(body)
    if isinstance(body, list):
        return _document_of(body[0]) if body else ""
    for key in ("BELNR", "ReceiptNumber", "Id", "id", "name", "BatchPaymentID", "CreditNoteID"):
        if body.get(key):
            return str(body[key])
    for key in ("data", "Payment", "JournalEntry", "BatchPayments", "CreditNotes", "result"):
        if body.get(key):
            return _document_of(body[key])
    return ""


def _sap(body: Any) -> _Fault | None:
    rows = body if isinstance(body, list) else [body]
    for row in rows:
        if isinstance(row, dict) and row.get("TYPE") in ("E", "A", "X"):
            code = f"{row.get('ID', '')} {row.get('NUMBER', '')}".strip()
            return _Fault(code, str(row.get("MESSAGE", "")))
    return None


def _odata(body: Any) -> _Fault | None:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    inner = error.get("innererror") or {}
    return _Fault(str(error.get("code", "")), str(inner.get("message") or error.get("message", "")))


def _problem(body: Any) -> _Fault | None:
    if not isinstance(body, dict):
        return None
    details = body.get("o:errorDetails") or []
    if details:
        first = details[0]
        return _Fault(str(first.get("o:errorCode", "")), str(first.get("detail", "")))
    if "o:errorCode" in body or ("title" in body and "detail" in body):
        return _Fault(str(body.get("o:errorCode", "")), str(body.get("detail") or body["title"]))
    return None


def _quickbooks(body: Any) -> _Fault | None:
    fault = body.get("Fault") if isinstance(body, dict) else None
    if not fault:
        return None
    first = (fault.get("Error") or [{}])[0]
    message = f"{first.get('Message', '')}: {first.get('Detail', '')}".strip(": ")
    return _Fault(str(first.get("code", "")), message)


def _xero(body: Any) -> _Fault | None:
    if not isinstance(body, dict):
        return None
    told = [
        error["Message"]
        for element in body.get("Elements") or [body]
        for error in element.get("ValidationErrors") or ()
    ]
    if not told and "ErrorNumber" not in body:
        return None
    return _Fault(str(body.get("ErrorNumber", "")), "; ".join(told) or str(body.get("Message", "")))


def _frappe(body: Any) -> _Fault | None:
    if not isinstance(body, dict) or not body.get("exc_type"):
        return None
    return _Fault(str(body["exc_type"]), str(body.get("exception") or body.get("message", "")))


def _odoo(body: Any) -> _Fault | None:
    if isinstance(body, dict) and "message" in body and "name" in body and "debug" in body:
        return _Fault(str(body["name"]), str(body["message"]))
    return None


_FAULTS: Final[dict[str, Callable[[Any], _Fault | None]]] = {
    "sap": _sap,
    "sap_advice": _sap,
    "oracle_fusion": _problem,
    "netsuite": _problem,
    "dynamics_finance": _odata,
    "business_central": _odata,
    "odoo": _odoo,
    "erpnext": _frappe,
    "quickbooks": _quickbooks,
    "xero": _xero,
}


def _fault_of(adapter: str, body: Any) -> _Fault | None:
    """What the ERP complains of, None where it does not."""
    read = _FAULTS.get(adapter)
    return None if read is None else read(body)
