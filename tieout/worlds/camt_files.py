"""Bank files of a world in the euro area: camt.053 in versions .001.02 and .001.08.

Statements foot (opening balance plus booked entries is the closing balance) and follow each other.
Some entries are batches of several payments; some are debits or pending and no payments at all.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from tieout.worlds.bank_files import by_day
from tieout.worlds.open_items import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.worlds.bank_files import KeyedDraft
    from tieout.worlds.dice import Dice
    from tieout.worlds.drafts import Draft, Line
    from tieout.worlds.spec import CompanySpec

__all__ = ["render_camt053"]

_TEXT_LENGTH: Final = 140
_BATCH_SHARE: Final = 0.12
_REFERENCE_CODES: Final = {"creditor_reference": "SCOR", "purchase_order": "PUOR"}
_CREDIT: Final = "<Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd>"
_DEBIT: Final = "<Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd>"


def render_camt053(
    company: CompanySpec, payments: Sequence[KeyedDraft], version: str, dice: Dice
) -> bytes:
    """A camt.053 file in `version` (`02` or `08`), one statement per day."""
    writer = _Writer(company, version, dice)
    days = by_day(payments)
    last = _date(max(days, default=0))
    statements = [
        writer.statement(number, day, received)
        for number, (day, received) in enumerate(days.items(), 1)
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">\n'
        f"<BkToCstmrStmt>\n<GrpHdr><MsgId>{company.company_id}-{version}-{last}</MsgId>"
        f"<CreDtTm>{last}T22:10:00</CreDtTm></GrpHdr>\n"
        f"{''.join(statements)}</BkToCstmrStmt>\n</Document>\n"
    )
    return text.encode()


def _date(day: int) -> str:
    return (EPOCH + dt.timedelta(days=day)).isoformat()


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


class _Writer:
    """Writes the statements of one file and carries the balance from one to the next."""

    def __init__(self, company: CompanySpec, version: str, dice: Dice) -> None:
        self._company = company
        self._version = version
        self._dice = dice
        self._balance = dice.between(1_000_000, 90_000_000)

    def statement(self, number: int, day: int, received: list[KeyedDraft]) -> str:
        """The statement of `day`: balances, then entries."""
        dice, company = self._dice, self._company
        date = _date(day)
        entries = self._credits(received)
        opening, credit = self._balance, sum(draft.amount for _, draft in received)
        debits = [dice.between(1_000, 400_000) for _ in range(1 + dice.below(4))]
        self._balance = opening + credit - sum(debits)
        entries += [self._entry(amount, "DBIT", date, "BOOK", "") for amount in debits]
        pending = [dice.between(5_000, 900_000) for _ in range(dice.below(3))]
        entries += [self._entry(amount, "CRDT", date, "PDNG", "") for amount in pending]
        sequence = number + (100 if self._version == "08" else 0)
        return (
            f"<Stmt><Id>{company.company_id}/{date}/{self._version}</Id>"
            f"<ElctrncSeqNb>{sequence}</ElctrncSeqNb><CreDtTm>{date}T21:45:00</CreDtTm>"
            f"<Acct><Id><IBAN>{company.bank_account}</IBAN></Id><Ccy>{company.currency}</Ccy>"
            f"</Acct>{self._balance_element('OPBD', opening, date)}"
            f"{self._balance_element('CLBD', self._balance, date)}\n"
            f"{''.join(entries)}</Stmt>\n"
        )

    def _money(self, name: str, minor: int) -> str:
        amount = f"{abs(minor) // 100}.{abs(minor) % 100:02d}"
        return f'<{name} Ccy="{self._company.currency}">{amount}</{name}>'

    def _balance_element(self, code: str, minor: int, date: str) -> str:
        side = "DBIT" if minor < 0 else "CRDT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{self._money('Amt', minor)}"
            f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"
        )

    def _credits(self, received: list[KeyedDraft]) -> list[str]:
        """Entries of the payments, some of them collected in one batch entry."""
        entries = []
        at = 0
        while at < len(received):
            size = self._dice.between(2, 9) if self._dice.chance(_BATCH_SHARE / 4) else 1
            group = received[at : at + size]
            at += len(group)
            total = sum(draft.amount for _, draft in group)
            details = "".join(self._details(key, draft) for key, draft in group)
            if len(group) > 1:
                details = f"<Btch><NbOfTxs>{len(group)}</NbOfTxs></Btch>{details}"
            date = _date(group[0][1].day)
            entries.append(self._entry(total, "CRDT", date, "BOOK", details))
        return entries

    def _entry(self, minor: int, side: str, date: str, status: str, details: str) -> str:
        state = f"<Sts>{status}</Sts>" if self._version == "02" else f"<Sts><Cd>{status}</Cd></Sts>"
        family = _CREDIT if side == "CRDT" else _DEBIT
        inner = f"<NtryDtls>{details}</NtryDtls>" if details else ""
        return (
            f"<Ntry>{self._money('Amt', minor)}<CdtDbtInd>{side}</CdtDbtInd>{state}"
            f"<BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt>"
            f"<AcctSvcrRef>NT{self._dice.digits(10)}</AcctSvcrRef>"
            f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly>{family}</Fmly></Domn></BkTxCd>{inner}</Ntry>\n"
        )

    def _details(self, key: int, draft: Draft) -> str:
        """The transaction details of one payment."""
        end_to_end = "NOTPROVIDED" if key % 5 else f"E2E{key * 37:012d}"
        references = f"<Refs><AcctSvcrRef>BK{key:09d}</AcctSvcrRef>"
        references += f"<EndToEndId>{end_to_end}</EndToEndId></Refs>"
        if self._version == "02":
            amount = f"<AmtDtls><TxAmt>{self._money('Amt', draft.amount)}</TxAmt></AmtDtls>"
        else:
            amount = f"{self._money('Amt', draft.amount)}<CdtDbtInd>CRDT</CdtDbtInd>"
        information = self._remittance(draft)
        return (
            f"<TxDtls>{references}{amount}{self._parties(draft)}"
            f"{f'<RmtInf>{information}</RmtInf>' if information else ''}</TxDtls>"
        )

    def _parties(self, draft: Draft) -> str:
        parts = ""
        if draft.payer_name:
            name = _element("Nm", draft.payer_name)
            parts = f"<Dbtr>{name if self._version == '02' else f'<Pty>{name}</Pty>'}</Dbtr>"
        if draft.payer_account:
            iban = _element("IBAN", draft.payer_account)
            parts += f"<DbtrAcct><Id>{iban}</Id></DbtrAcct>"
        return f"<RltdPties>{parts}</RltdPties>" if parts else ""

    def _remittance(self, draft: Draft) -> str:
        text = draft.text
        pieces = [
            piece[at : at + _TEXT_LENGTH]
            for piece in text.split("\n")
            for at in range(0, len(piece), _TEXT_LENGTH)
        ]
        return "".join(_element("Ustrd", piece) for piece in pieces) + "".join(
            self._structured(line) for line in draft.lines
        )

    def _structured(self, line: Line) -> str:
        if line.kind in _REFERENCE_CODES:
            code = _REFERENCE_CODES[line.kind]
            kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
            return f"<Strd><CdtrRefInf>{kind}{_element('Ref', line.reference)}</CdtrRefInf></Strd>"
        code = "CREN" if line.kind == "credit_memo" else "CINV"
        document = (
            f"<RfrdDocInf><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
            f"{_element('Nb', line.reference)}</RfrdDocInf>"
        )
        return f"<Strd>{document}<RfrdDocAmt>{self._amounts(line, code)}</RfrdDocAmt></Strd>"

    def _amounts(self, line: Line, code: str) -> str:
        paid = line.amount or 0
        if code == "CREN":
            return self._money("CdtNoteAmt", paid)
        due = paid + line.discount + line.deduction
        parts = self._money("DuePyblAmt", due)
        if line.discount and self._version == "02":
            parts += self._money("DscntApldAmt", line.discount)
        elif line.discount:
            parts += f"<DscntApldAmt>{self._money('Amt', line.discount)}</DscntApldAmt>"
        if line.deduction:
            parts += (
                f"<AdjstmntAmtAndRsn>{self._money('Amt', line.deduction)}"
                f"<CdtDbtInd>DBIT</CdtDbtInd>{_element('AddtlInf', line.reason)}"
                "</AdjstmntAmtAndRsn>"
            )
        return parts + self._money("RmtdAmt", paid)
