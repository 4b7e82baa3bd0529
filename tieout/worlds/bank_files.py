"""Bank files of a world in the United States: BAI2 statements and BAI lockbox files.

Both foot: every trailer is the sum of what stands above it. Statements also carry rows that are no
payments (fees, checks we wrote, outgoing wires, information), as statements do.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from tieout.worlds.names import clip
from tieout.worlds.open_items import EPOCH
from tieout.worlds.payers import LOCKBOX_NAME_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.worlds.dice import Dice
    from tieout.worlds.drafts import Draft, Line
    from tieout.worlds.spec import CompanySpec

__all__ = [
    "KeyedDraft",
    "by_day",
    "line_segments",
    "render_bai2",
    "render_lockbox",
    "yymmdd",
]

KeyedDraft = tuple[int, "Draft"]
"""A payment with its key."""

_DEBITS: Final = (
    ("475", "CHECK PAID"),
    ("495", "OUTGOING WIRE"),
    ("455", "PREAUTHORIZED ACH DEBIT"),
    ("698", "ACCOUNT ANALYSIS FEE"),
)
_LOCKBOX_BATCH_ITEMS_MAX: Final = 180
_LOCKBOX_REASONS: Final = {
    "damaged": "DMG",
    "pricing": "PRC",
    "freight": "FRT",
    "shortage": "SHT",
    "promotion": "PRO",
}


def by_day(payments: Iterable[KeyedDraft]) -> dict[int, list[KeyedDraft]]:
    """`payments` by day, days in order, payments in the order they came."""
    days: dict[int, list[KeyedDraft]] = {}
    for keyed in payments:
        days.setdefault(keyed[1].day, []).append(keyed)
    return dict(sorted(days.items()))


def yymmdd(day: int) -> str:
    """`day` as BAI2 writes it."""
    return (EPOCH + dt.timedelta(days=day)).strftime("%y%m%d")


def _digits(value: int, width: int) -> str:
    text = f"{value:0{width}d}"
    if len(text) > width:
        message = f"{value} does not fit the {width} digits of its field; make the world smaller"
        raise ValueError(message)
    return text


def render_bai2(company: CompanySpec, payments: Sequence[KeyedDraft], dice: Dice) -> bytes:
    """A BAI2 file: one group per day; totals add up 03 and 16 amounts, as the norm says."""
    days = by_day(payments)
    last = yymmdd(max(days, default=0))
    records = [f"01,{company.bank_id},TIEOUT{company.company_id},{last},0545,1,,,2/"]
    file_total, groups = 0, 0
    for day, received in days.items():
        total, lines = _bai2_account(company, received, dice)
        records.append(f"02,TIEOUT{company.company_id},{company.bank_id},1,{yymmdd(day)},,USD,2/")
        records += lines
        records.append(f"98,{total},1,{len(lines) + 2}/")
        file_total += total
        groups += 1
    records.append(f"99,{file_total},{groups},{len(records) + 1}/")
    return ("\n".join(records) + "\n").encode()


def _bai2_account(
    company: CompanySpec, received: list[KeyedDraft], dice: Dice
) -> tuple[int, list[str]]:
    """Records 03 to 49 of one day and the account's control total in cents."""
    credit = sum(draft.amount for _, draft in received)
    opening = dice.between(100_000, 9_000_000)
    debits = [(*dice.pick(_DEBITS), dice.between(900, 800_000)) for _ in range(1 + dice.below(5))]
    paid = sum(amount for _, _, amount in debits)
    summary = [("010", opening, ""), ("015", opening + credit - paid, "")]
    summary += [("100", credit, str(len(received))), ("400", paid, str(len(debits)))]
    fields = ",".join(f"{code},{amount},{count}," for code, amount, count in summary)
    body = [f"03,{company.bank_account},{company.currency},{fields}/"]
    for key, draft in received:
        body += _bai2_payment(company, key, draft)
    for number, (code, text, amount) in enumerate(debits):
        body.append(f"16,{code},{amount},0,DB{dice.digits(9)},{number + 1:04d},{text}")
    if dice.chance(0.5):
        body.append("16,890,,,,,BRANCH HOURS CHANGE ON NOVEMBER 26")
    total = sum(amount for _, amount, _ in summary) + credit + paid
    body.append(f"49,{total},{len(body) + 1}/")
    return total, body


def _bai2_payment(company: CompanySpec, key: int, draft: Draft) -> list[str]:
    """The 16 record of a payment and its continuation lines."""
    is_wire = draft.channel == "wire"
    code = draft.type_code or ("195" if is_wire else "142")
    funds = f"V,{yymmdd(draft.day)}," if is_wire else "0"
    head = f"16,{code},{draft.amount},{funds},BK{key:09d},,"
    routing, _, account = draft.payer_account.rpartition("/")
    if is_wire:
        facts = [f"ORG:={draft.payer_name}", f"ORG ID:={draft.payer_account}"]
        texts = [f"OBI:={line}" for line in draft.text.split("\n")]
        label = "INCOMING WIRE"
    elif company.lockbox:
        facts = [f"DBNM: {draft.payer_name}", f"DABA: {routing}", f"DACT: {account}"]
        texts = [f"REMI: {line}" for line in draft.text.split("\n")]
        label = "ACH CREDIT RECEIVED"
    else:
        facts = [f"ORIG CO NAME:{draft.payer_name}", f"ORIG ACCT:{draft.payer_account}"]
        texts = [f"REMARK:{line}" for line in draft.text.split("\n")]
        label = "ACH CREDIT"
    filled = [fact for fact in facts + texts if fact.rstrip(" ")[-1] not in ":="]
    addenda = [f"{segment}\\" for line in draft.lines for segment in line_segments(line)]
    return [f"{head}{label}", *[f"88,{text}" for text in filled + addenda]]


def line_segments(line: Line) -> list[str]:
    """X12 segments for one remittance line: what is paid, and what was withheld and why."""
    qualifier = {"purchase_order": "PO", "credit_memo": "CM"}.get(line.kind, "IV")
    net = _major(line.amount or 0)
    text = f"RMR*{qualifier}*{line.reference}**{net}"
    if line.discount or line.deduction:
        gross = _major((line.amount or 0) + line.discount + line.deduction)
        text += f"*{gross}*{_major(line.discount)}" if line.discount else f"*{gross}"
    segments = [text]
    if line.deduction:
        segments.append(f"ADX*-{_major(line.deduction)}*{line.reason}")
    return segments


def _major(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def render_lockbox(company: CompanySpec, payments: Sequence[KeyedDraft]) -> bytes:
    """A BAI lockbox file of 80 columns: batches of checks, with totals per batch and day."""
    ours = f"TIEOUT{company.company_id}"[:10].ljust(10) + f"0{company.bank_id}"[:10]
    last = yymmdd(max((draft.day for _, draft in payments), default=0))
    records = [f"101{ours}{last}0545", f"2{ours}{'0' * 10}400080000801"]
    batch = 0
    for day, received in by_day(payments).items():
        date = yymmdd(day)
        for first in range(0, len(received), _LOCKBOX_BATCH_ITEMS_MAX):
            batch += 1
            checks = received[first : first + _LOCKBOX_BATCH_ITEMS_MAX]
            records.append(f"5{_digits(batch, 3)}000{company.lockbox}{date}{ours}")
            for item, (key, draft) in enumerate(checks, 1):
                records += _check(f"{_digits(batch, 3)}{item:03d}", key, draft)
            total = _digits(sum(draft.amount for _, draft in checks), 10)
            place = f"{_digits(batch, 3)}{len(checks) + 1:03d}"
            records.append(f"7{place}{company.lockbox}{date}{len(checks):03d}{total}")
        total = _digits(sum(draft.amount for _, draft in received), 10)
        count = _digits(len(received), 4)
        records.append(f"8{_digits(batch, 3)}000{company.lockbox}{date}{count}{total}")
    records.append(f"9{_digits(len(records) + 1, 6)}")
    return "".join(f"{record:<80}\n" for record in records).encode()


def _check(place: str, key: int, draft: Draft) -> list[str]:
    """Record 6 of a check and a record 4 per invoice on its stub."""
    routing, _, account = draft.payer_account.rpartition("/")
    date = EPOCH + dt.timedelta(days=draft.day)
    name = clip(draft.payer_name, LOCKBOX_NAME_LENGTH)
    head = f"6{place}{_digits(draft.amount, 10)}{routing or '0':0>9}{account or '0':0>10}"
    records = [f"{head}{key:010d}{date:%m%d%y}{name}"]
    for number, line in enumerate(draft.lines, 1):
        flag = "9" if number == len(draft.lines) else "0"
        paid = line.amount or 0
        amount = f"-{_digits(-paid, 9)}" if paid < 0 else _digits(paid, 10)
        reason = _LOCKBOX_REASONS.get(line.reason, "")
        document = f"{line.reference[:16]:<16}"
        withheld = _digits(line.deduction, 10)
        records.append(f"4{place}6{_digits(number, 2)}{flag}{document}{amount}{withheld}{reason}")
    return records
