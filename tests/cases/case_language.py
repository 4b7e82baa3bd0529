"""Reads acceptance cases: ledgers, payments and expectations as an AR clerk would write them.

A case begins with a sentence (its title) and ends at a blank line; `#` begins a comment line. Then
come sections, each named at the start of a line, with one record per line; further records stand
on indented lines below. Words are separated by blanks, text with blanks stands in "quotes".

policy      KEY VALUE                      e.g. tolerance.under.amount 1.00
            company US01 KEY VALUE | profile NAME KEY VALUE | customer ID KEY VALUE
            company US01 customer ID KEY VALUE          a list: 19;7, or as TOML without blanks
as of       2026-09-30
accounts    OUR_ACCOUNT COMPANY [lockbox NUMBER]
customers   ID ["Name"] [company C] [alias "A;B"] [parent ID] [account "X;Y"] [policy NAME]
learned     KIND VALUE CUSTOMER DATE [company C] [by WHO] [times N] [revoked DATE] [items "A;B"]
            (kinds of `engine.learned_facts`; without `by` references suggested it)
open items  ID CUSTOMER CURRENCY AMOUNT [due DATE] [dated DATE] [discount AMOUNT until DATE]
            [number TEXT] [po TEXT] [also "A;B"] [type TYPE] [company C] [of ORIGINAL]
            [installment TEXT]
            [disputed | blocked | paid | cancelled]     (paid, cancelled: AMOUNT is the original)
payments    ID PAYER CURRENCY AMOUNT DATE ["text"] [account X] [into OUR_ACCOUNT] [company C]
            [check N] [trace N] [e2e X] [uetr X] [bankref X] [custref X] [held CODE] [returns REF]
            [charges AMOUNT] [instructed AMOUNT-CURRENCY]
remittance  PAYMENT REFERENCE [AMOUNT] [discount AMOUNT] [deduction AMOUNT ["reason"]]
advices     ADVICE REFERENCE [AMOUNT] [discount AMOUNT] [deduction AMOUNT ["reason"]]
            [for PAYMENT] [check N] [trace N] [uetr X] [e2e X] [payer "NAME"] [pays AMOUNT]
settled     PAYMENT CURRENCY AMOUNT ITEM APPLIED [closes AMOUNT] [company C] [check N] [trace N]
            [e2e X] [uetr X] [bankref X] [custref X]    by earlier runs; `-` for ITEM: nothing
expect      PAYMENT → ITEM AMOUNT [strategy]            all automatic rows and buckets, to the cent:
            PAYMENT → write-off AMOUNT [reason]         whatever moves and is not listed fails
            PAYMENT → discount AMOUNT | deduction AMOUNT ["reason"]
            PAYMENT → on-account | unapplied | unidentified | non-ar | refund | returned AMOUNT
            PAYMENT nothing applied
            PAYMENT ? ITEM AMOUNT rank N                 a proposal; all of them where one is listed
            PAYMENT nothing proposed
            PAYMENT status S | exception CODE|none | also CODE | customer ID|nobody [KIND]
            PAYMENT uniqueness U                         of its automatic rows, else of rank 1
            PAYMENT says "TEXT"                          in the message of its primary exception
            PAYMENT asks "TEXT"                          the fact its primary exception misses
            PAYMENT reopens ITEM AMOUNT
            PAYMENT takes AMOUNT for ITEM                of its own currency, for an item of another
            ITEM remains AMOUNT                          open after this run
            ADVICE exception RMT-ORPHAN

A customer without a section line is called like its id. `-` as a payer is nobody named.
"""

from __future__ import annotations

import datetime
import shlex
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    CustomerBatch,
    LearnedFactBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
    SettledBatch,
)
from engine.matcher import MatchInput
from engine.money import minor_from_text
from engine.policy import read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SECTIONS", "Case", "CaseError", "match_input_of", "read_cases"]

SECTIONS = (
    "policy",
    "as of",
    "accounts",
    "customers",
    "learned",
    "open items",
    "payments",
    "remittance",
    "advices",
    "settled",
    "expect",
)
_FLAGS = ("disputed", "blocked", "paid", "cancelled")
_ADVICE_SCALE = 10_000
_ADVICE_CURRENCY = "CLF"  # four decimal places, as advices without a currency are scaled


class CaseError(Exception):
    """A case that breaks the language; names file, line and text."""


class Record(msgspec.Struct, frozen=True):
    """One line of a section: where it stands, and its words."""

    place: str
    words: list[str]


class Case(msgspec.Struct, frozen=True):
    """A title and the records of each section, in the order written."""

    title: str
    place: str
    sections: dict[str, list[Record]]


def read_cases(path: Path) -> list[Case]:
    """Every case of a file, in order."""
    cases: list[Case] = []
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*path.read_text("utf-8").splitlines(), ""], start=1):
        if line.lstrip().startswith("#"):
            continue
        if line.strip():
            block.append((number, line))
        elif block:
            cases.append(_case(path.name, block))
            block = []
    return cases


def _case(file: str, block: list[tuple[int, str]]) -> Case:
    (first, title), *rest = block
    sections: dict[str, list[Record]] = {}
    current = ""
    for number, line in rest:
        place = f"{file}:{number}"
        text = line
        if not line[0].isspace():
            current = next((name for name in SECTIONS if line.startswith(name + " ")), "")
            text = line[len(current) :]
        if not current:
            message = f"{place}: {line!r} begins no section; there are {', '.join(SECTIONS)}"
            raise CaseError(message)
        words = text.split() if current == "policy" else shlex.split(text)
        sections.setdefault(current, []).append(Record(place, words))
    if "expect" not in sections:
        message = f"{file}:{first}: {title!r} expects nothing"
        raise CaseError(message)
    return Case(title.rstrip("."), f"{file}:{first}", sections)


def match_input_of(case: Case) -> MatchInput:
    """The engine's input the case describes."""
    items = [_open_item(record) for record in case.sections.get("open items", [])]
    payments = [_payment(record) for record in case.sections.get("payments", [])]
    currency_of = {row["payment_id"]: row["currency"] for row in payments}
    dates = [_date(word) for record in case.sections.get("as of", []) for word in record.words]
    return MatchInput(
        payments=PaymentBatch.from_columns(_columns(payments)),
        open_items=OpenItemBatch.from_columns(_columns(items)),
        remittances=RemittanceBatch.from_columns(_columns(_lines(case, currency_of))),
        advices=AdviceBatch.from_columns(_columns(_advices(case))),
        customers=CustomerBatch.from_columns(_columns(_customers(case, items))),
        bank_accounts=BankAccountBatch.from_columns(_columns(_accounts(case))),
        learned=LearnedFactBatch.from_columns(_columns(_learned(case))),
        earlier=SettledBatch.from_columns(_columns(_settled(case))),
        policy=read_policy(_policy(case)),
        as_of=dates[0] if dates else None,
    )


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; a name absent from a row gets what absent columns of the batch get."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, _blank(name)) for row in rows] for name in names}


def _blank(name: str) -> Any:
    if name.endswith("_date") or name in ("amount_minor", "payment_amount_minor"):
        return None
    return 0 if name.endswith("_minor") else ""


def _options(record: Record, start: int, **columns: str) -> Iterator[tuple[str, str]]:
    """Pairs (option, value) of the words from `start`; `columns` names the options allowed."""
    words = iter(record.words[start:])
    for word in words:
        if word in _FLAGS and word in columns:
            yield word, word
            continue
        if word not in columns:
            message = f"{record.place}: {word!r} is none of {', '.join(columns)}"
            raise CaseError(message)
        value = next(words, None)
        if value is None:
            message = f"{record.place}: {word} lacks its value"
            raise CaseError(message)
        yield word, value


def _named(record: Record, start: int, **columns: str) -> dict[str, Any]:
    return {columns[word]: value for word, value in _options(record, start, **columns)}


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _open_item(record: Record) -> dict[str, Any]:
    item, customer, currency, amount = record.words[:4]
    given = _named(
        record,
        4,
        due="due_date",
        dated="document_date",
        discount="discount_minor",
        until="discount_date",
        number="document_number",
        po="purchase_order",
        also="references",
        type="document_type",
        company="company_id",
        of="original_minor",
        installment="installment",
        disputed="status",
        blocked="status",
        paid="status",
        cancelled="status",
    )
    minor = minor_from_text(amount, currency)
    closed = given.get("status") in ("paid", "cancelled")
    row = {
        "open_item_id": item,
        "customer_id": customer,
        "document_number": item,
        "document_type": "credit_memo" if minor < 0 else "invoice",
        "currency": currency,
        "original_minor": minor,
        "open_minor": 0 if closed else minor,
        "status": "open",
    } | given
    for name in ("due_date", "document_date", "discount_date"):
        if name in row:
            row[name] = _date(row[name])
    for name in ("discount_minor", "original_minor"):
        if isinstance(row.get(name), str):
            row[name] = minor_from_text(row[name], currency)
    return row


def _payment(record: Record) -> dict[str, Any]:
    payment, payer, currency, amount, day, *rest = record.words
    known = dict(
        account="payer_account",
        into="bank_account",
        company="company_id",
        check="check_number",
        trace="trace_number",
        e2e="end_to_end_id",
        uetr="uetr",
        bankref="bank_reference",
        custref="customer_reference",
        held="intake_codes",
        returns="original_reference",
        charges="charges_minor",
        instructed="instructed_minor",
    )
    text = rest[0] if rest and rest[0] not in known else ""
    start = 6 if rest and rest[0] not in known else 5
    given = _named(record, start, **known)
    if "charges_minor" in given:
        given["charges_minor"] = minor_from_text(given["charges_minor"], currency)
    if "instructed_minor" in given:
        ordered, _, given["instructed_currency"] = given["instructed_minor"].rpartition("-")
        given["instructed_minor"] = minor_from_text(ordered, given["instructed_currency"])
    return {
        "payment_id": payment,
        "payer_name": "" if payer == "-" else payer,
        "currency": currency,
        "amount_minor": minor_from_text(amount, currency),
        "value_date": _date(day),
        "booking_date": _date(day),
        "remittance_text": text.replace(r"\n", "\n"),
    } | given


def _line_amounts(words: list[str], currency: str, place: str) -> tuple[dict[str, Any], int]:
    """What a line pays, and how many of `words` said so."""
    row: dict[str, Any] = {}
    used = 0
    if words and words[0].lstrip("-").replace(".", "").isdigit():
        row["amount_minor"] = minor_from_text(words[0], currency)
        used = 1
    while used < len(words) and words[used] in ("discount", "deduction"):
        if used + 1 == len(words):
            message = f"{place}: {words[used]} lacks its amount"
            raise CaseError(message)
        row[f"{words[used]}_minor"] = minor_from_text(words[used + 1], currency)
        used += 2
        if words[used - 2] == "deduction" and used < len(words) and words[used] not in _ADVICE_KEYS:
            row["deduction_reason"] = words[used]
            used += 1
    return row, used


def _lines(case: Case, currency_of: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for record in case.sections.get("remittance", []):
        payment, reference, *rest = record.words
        amounts, used = _line_amounts(rest, currency_of[payment], record.place)
        if rest[used:]:
            message = f"{record.place}: {rest[used:]} cannot be read"
            raise CaseError(message)
        number = 1 + sum(row["payment_id"] == payment for row in rows)
        named = {"payment_id": payment, "line_number": number, "reference": reference}
        rows.append(named | {"currency": currency_of[payment], "source": "structured"} | amounts)
    return rows


_ADVICE_KEYS = {
    "for": "payment_reference",
    "check": "check_number",
    "trace": "trace_number",
    "uetr": "uetr",
    "e2e": "end_to_end_id",
    "payer": "payer_name",
    "pays": "payment_amount_minor",
}


def _advices(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for record in case.sections.get("advices", []):
        advice, reference, *rest = record.words
        amounts, used = _line_amounts(rest, _ADVICE_CURRENCY, record.place)
        found = _named(record, 2 + used, **_ADVICE_KEYS)
        if "payment_amount_minor" in found:
            stated = found["payment_amount_minor"]
            found["payment_amount_minor"] = minor_from_text(stated, _ADVICE_CURRENCY)
        number = 1 + sum(row["remittance_id"] == advice for row in rows)
        named = {"remittance_id": advice, "line_number": number, "reference": reference}
        rows.append(named | amounts | found)
    return rows


def _customers(case: Case, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    known = dict(
        company="company_id",
        alias="aliases",
        parent="parent_customer_id",
        account="bank_accounts",
        policy="policy",
        status="status",
    )
    for record in case.sections.get("customers", []):
        customer, *rest = record.words
        named = bool(rest) and rest[0] not in known
        row = {"customer_id": customer, "name": rest[0] if named else customer, "status": "active"}
        rows.append(row | _named(record, 2 if named else 1, **known))
    listed = {(row.get("company_id", ""), row["customer_id"]) for row in rows}
    for item in items:
        key = (item.get("company_id", ""), item["customer_id"])
        if key not in listed:
            listed.add(key)
            rows.append(
                {"company_id": key[0], "customer_id": key[1], "name": key[1], "status": "active"}
            )
    return rows


def _learned(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, record in enumerate(case.sections.get("learned", [])):
        kind, value, customer, day, *_ = record.words
        known = dict(company="company_id", by="learned_by", times="n", revoked="d", items="i")
        said = _named(record, 4, **known)
        times, revoked = int(said.pop("n", "1")), said.pop("d", "")
        rows.append(
            {
                "fact_id": str(number),
                "kind": kind,
                "value": value,
                "customer_id": customer,
                "open_item_ids": said.pop("i", ""),
                "source": "clerk" if "learned_by" in said else "references",
                "learned_on": _date(day),
                "confirmed_on": _date(day),
                "confirmations": times,
                "revoked_on": _date(revoked) if revoked else None,
                "company_id": "",
                "learned_by": "",
            }
            | said
        )
    return rows


def _accounts(case: Case) -> list[dict[str, Any]]:
    return [
        {"bank_account": record.words[0], "company_id": record.words[1]}
        | _named(record, 2, lockbox="lockbox", currency="currency")
        for record in case.sections.get("accounts", [])
    ]


def _settled(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for record in case.sections.get("settled", []):
        payment, currency, paid, item, applied = record.words[:5]
        given = _named(
            record,
            5,
            closes="closed_minor",
            company="company_id",
            check="check_number",
            trace="trace_number",
            e2e="end_to_end_id",
            uetr="uetr",
            bankref="bank_reference",
            custref="customer_reference",
        )
        given["closed_minor"] = minor_from_text(given.get("closed_minor", applied), currency)
        rows.append(
            {
                "payment_id": payment,
                "currency": currency,
                "paid_minor": minor_from_text(paid, currency),
                "open_item_id": "" if item == "-" else item,
                "applied_minor": minor_from_text(applied, currency),
                **given,
            }
        )
    return rows


def _policy(case: Case) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for record in case.sections.get("policy", []):
        *scope, path, value = record.words
        if len(scope) not in (0, 2, 4):
            message = f"{record.place}: a rule is KEY VALUE, after company C, profile or customer"
            raise CaseError(message)
        place = content
        *above, key = [*scope, *path.split(".")]
        for part in above:
            place = place.setdefault(part, {})
        place[key] = _policy_value(key, value)
    return content


def _policy_value(key: str, text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if key in ("grace_days", "stale_days", "confirmed_days", "confirmations_min"):
        return int(text)
    if text.startswith("["):
        return tomllib.loads(f"value = {text}")["value"]
    if key in ("rates", "schedule"):
        return text.split(";")
    return float(text) if key == "wrong_budget" else text
