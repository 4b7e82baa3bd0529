"""The other formats of bank files a world may be written in: MT940, EDI 820, NACHA.

They carry what fits them and leave the rest to the statements: an order or an entry names documents
that add up to it, a statement line has text of one line. Totals, hashes and balances foot.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from tieout.worlds.bank_files import by_day, line_segments
from tieout.worlds.open_items import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.worlds.bank_files import KeyedDraft
    from tieout.worlds.dice import Dice
    from tieout.worlds.drafts import Draft
    from tieout.worlds.spec import CompanySpec

__all__ = ["fits_mt940", "fits_order", "render_mt940", "render_nacha", "render_x12"]

_SUBFIELD: Final = 27
_SUBFIELDS: Final = (*range(20, 30), *range(60, 64))
_TEXT_KEY: Final = "SVWZ+"
_ADDENDA: Final = 80
_RECORD: Final = 94
_BLOCK: Final = 10
_ORIGINATOR: Final = "1234567890"
_SENDER: Final = "09100001"
_SPECIAL: Final = frozenset("*~\\>?\n")


def fits_mt940(draft: Draft) -> bool:
    """Whether a line of a statement of SWIFT says all that `draft` does."""
    width = _SUBFIELD * len(_SUBFIELDS) - len(_TEXT_KEY)
    return not draft.lines and len(draft.text) <= width and not _SPECIAL & {*_said(draft)}


def fits_order(draft: Draft) -> bool:
    """Whether a payment order says all that `draft` does: its lines add up to it."""
    paid = [line.amount for line in draft.lines]
    is_sum = bool(paid) and None not in paid and sum(one or 0 for one in paid) == draft.amount
    is_plain = not draft.text and bool(draft.payer_name) and not _SPECIAL & {*_said(draft)}
    return is_sum and is_plain and all(line.kind != "creditor_reference" for line in draft.lines)


def _said(draft: Draft) -> str:
    return "".join(
        [draft.payer_name, draft.payer_account, draft.text, *(one.reference for one in draft.lines)]
    )


def _date(day: int) -> dt.date:
    return EPOCH + dt.timedelta(days=day)


def _major(minor: int, sign: str) -> str:
    return f"{minor // 100}{sign}{minor % 100:02d}"


def render_mt940(company: CompanySpec, payments: Sequence[KeyedDraft], dice: Dice) -> bytes:
    """An MT940 file, one statement per day, its text structured as the company's country does."""
    lines: list[str] = []
    balance = dice.between(1_000_000, 90_000_000)
    for number, (day, received) in enumerate(by_day(payments).items(), 1):
        date = _date(day)
        lines += [
            f":20:{company.company_id}-{number}",
            f":25:{company.bank_account}",
            f":28C:{number}/1",
            f":60F:C{date:%y%m%d}{company.currency}{_major(balance, ',')}",
        ]
        for key, draft in received:
            lines.append(f":61:{date:%y%m%d%m%d}C{_major(draft.amount, ',')}NTRFNONREF//BK{key}")
            lines += _dutch(draft) if company.country == "NL" else _german(draft)
        fee = dice.between(100, 9_000)
        lines += [f":61:{date:%y%m%d%m%d}D{_major(fee, ',')}NCHGNONREF", ":86:ACCOUNT FEES"]
        balance += sum(draft.amount for _, draft in received) - fee
        lines += [f":62F:C{date:%y%m%d}{company.currency}{_major(balance, ',')}", "-"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _german(draft: Draft) -> list[str]:
    """Numbered subfields, a line each."""
    text = _TEXT_KEY + draft.text
    cut = [text[at : at + _SUBFIELD] for at in range(0, len(text), _SUBFIELD)]
    parts = [(f"{at:02d}", one) for at, one in zip(_SUBFIELDS, cut, strict=False)]
    name = draft.payer_name
    parts += [("31", draft.payer_account)] * bool(draft.payer_account)
    parts += [("32", name[:_SUBFIELD])] * bool(name)
    parts += [("33", name[_SUBFIELD : 2 * _SUBFIELD])] * bool(name[_SUBFIELD:])
    ordered = sorted(parts, key=lambda one: one[0])
    return [":86:166?00GUTSCHRIFT", *[f"?{number}{value}" for number, value in ordered]]


def _dutch(draft: Draft) -> list[str]:
    """Codewords between slashes."""
    party = f"/CNTP/{draft.payer_account}//{draft.payer_name}//" if _said(draft) else ""
    return [f":86:{party}/REMI/USTD//{draft.text}/"]


def render_x12(company: CompanySpec, payments: Sequence[KeyedDraft]) -> bytes:
    """An interchange of EDI 820, an order to the bank per payment."""
    last = _date(max((draft.day for _, draft in payments), default=0))
    ours = f"TIEOUT{company.company_id}"
    segments = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{company.bank_id:<15}*ZZ*{ours:<15}*{last:%y%m%d}*0545*U"
        "*00401*000000001*0*P*>",
        f"GS*RA*{company.bank_id}*{ours}*{last:%Y%m%d}*0545*1*X*004010",
    ]
    for number, (key, draft) in enumerate(payments, 1):
        body = _order(company, key, draft)
        segments += [f"ST*820*{number:04d}", *body, f"SE*{len(body) + 2}*{number:04d}"]
    segments += [f"GE*{len(payments)}*1", "IEA*1*000000001"]
    return "".join(f"{segment}~\n" for segment in segments).encode()


def _order(company: CompanySpec, key: int, draft: Draft) -> list[str]:
    """What stands between ST and SE: who pays whom, and the documents."""
    routing, _, account = draft.payer_account.rpartition("/")
    payer = f"01*{routing}*DA*{account}" if routing else "***"
    return [
        f"BPR*C*{_major(draft.amount, '.')}*C*ACH*CTX*{payer}*{_ORIGINATOR}**01*{company.bank_id}"
        f"*DA*{company.bank_account}*{_date(draft.day):%Y%m%d}",
        f"TRN*1*BK{key:09d}*{_ORIGINATOR}",
        f"N1*PR*{draft.payer_name}",
        f"N1*PE*COMPANY {company.company_id}",
        "ENT*1",
        *[segment for line in draft.lines for segment in line_segments(line)],
    ]


def render_nacha(company: CompanySpec, payments: Sequence[KeyedDraft]) -> bytes:
    """A NACHA file of CTX entries, each with an 820 in its addenda; a batch per payment."""
    last = _date(max((draft.day for _, draft in payments), default=0))
    records = [
        f"101 {company.bank_id}{_ORIGINATOR}{last:%y%m%d}0545A094101{'OUR BANK':<23}"
        f"{'TIEOUT' + company.company_id:<23}"
    ]
    for number, (key, draft) in enumerate(payments, 1):
        records += _batch(company, number, key, draft)
    rows = sum(record[0] in "67" for record in records)
    controls = [record for record in records if record[0] == "8"]
    digest = sum(int(record[10:20]) for record in controls) % 10**10
    cash = sum(draft.amount for _, draft in payments)
    blocks = -(-(len(records) + 1) // _BLOCK)
    records.append(f"9{len(payments):06d}{blocks:06d}{rows:08d}{digest:010d}{0:012d}{cash:012d}")
    records += ["9" * _RECORD] * (blocks * _BLOCK - len(records))
    return "".join(f"{record:<{_RECORD}}\n" for record in records).encode()


def _batch(company: CompanySpec, number: int, key: int, draft: Draft) -> list[str]:
    """Batch header, entry, its addenda, batch control."""
    date = _date(draft.day)
    trace = f"{_SENDER}{key % 10**7:07d}"
    body = _order(company, key, draft)
    order = "".join(f"{one}\\" for one in ["ST*820*0001", *body, f"SE*{len(body) + 2}*0001"])
    addenda = [order[at : at + _ADDENDA] for at in range(0, len(order), _ADDENDA)]
    tail = f"{_ORIGINATOR:<35}{_SENDER}{number:07d}"
    return [
        f"5220{draft.payer_name[:16]:<16}{'':20}{_ORIGINATOR}CTX{'VENDOR PMT':<10}{date:%y%m%d}"
        f"{date:%y%m%d}{date:%j}1{_SENDER}{number:07d}",
        f"622{company.bank_id}{company.bank_account:<17}{draft.amount:010d}{'CUSTOMER':<15}"
        f"{len(addenda):04d}{'TIEOUT' + company.company_id:<16}    1{trace}",
        *[f"705{text:<{_ADDENDA}}{at:04d}{trace[8:]}" for at, text in enumerate(addenda, 1)],
        f"8220{len(addenda) + 1:06d}{int(company.bank_id[:8]):010d}{0:012d}{draft.amount:012d}"
        f"{tail}",
    ]
