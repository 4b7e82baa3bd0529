"""A large camt.053.001.08 statement as banks send them: parties, references, remittance, batches.

Entries vary as those of real files do: one detail or many, free text or documents with amounts,
ultimate debtors, charges, escaped letters, debits and pending entries between the credits.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["statement_bytes"]

_NAMES: Final = (
    "Müller &amp; Söhne GmbH",
    "ACME Industries",
    "Société Générale du Bois",
    "Kern AG",
)
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
    "<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-11-20T22:00:00</CreDtTm></GrpHdr><Stmt>"
    "<Id>S-1</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>2026-11-20T22:00:00</CreDtTm>"
    "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>"
)


def statement_bytes(entries: int, seed: int = 1, indent: str | None = None) -> bytes:
    """One statement of `entries` entries; each element on a line of its own with an `indent`."""
    body = "".join(_entries(entries, random.Random(seed)))  # noqa: S311 - repeatable, no secret
    text = f"{_HEAD}\n{body}</Stmt></BkToCstmrStmt></Document>\n"
    if indent is not None:
        text = _indented(text, indent)
    return text.encode()


def _indented(text: str, indent: str) -> str:
    depth, lines = 0, []
    for piece in text.replace("\n", "").replace("><", ">\n<").split("\n"):
        if piece.startswith("</"):
            depth -= 1
        lines.append(indent * depth + piece)
        if not piece.startswith(("</", "<?")) and "</" not in piece:
            depth += 1
    return "\n".join(lines) + "\n"


def _money(minor: int, name: str = "Amt") -> str:
    return f'<{name} Ccy="EUR">{minor // 100}.{minor % 100:02d}</{name}>'


def _entries(count: int, dice: random.Random) -> Iterator[str]:
    for number in range(count):
        kind = dice.random()
        details = 1 if kind < 0.96 else dice.randrange(2, 12)
        amounts = [dice.randrange(100, 5_000_000) for _ in range(details)]
        side = "DBIT" if kind < 0.06 else "CRDT"
        status = "PDNG" if 0.06 < kind < 0.07 else "BOOK"
        inner = "".join(
            _detail(f"{number}-{row}", amount, side, dice) for row, amount in enumerate(amounts)
        )
        batch = f"<Btch><NbOfTxs>{details}</NbOfTxs></Btch>" if details > 1 else ""
        day = f"2026-11-{1 + dice.randrange(20):02d}"
        family = "RCDT" if side == "CRDT" else "ICDT"
        yield (
            f"<Ntry><NtryRef>{number}</NtryRef>{_money(sum(amounts))}<CdtDbtInd>{side}</CdtDbtInd>"
            f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
            f"<ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>2026{number:012d}</AcctSvcrRef>"
            f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly>"
            f"</Domn></BkTxCd><NtryDtls>{batch}{inner}</NtryDtls></Ntry>\n"
        )


def _detail(key: str, amount: int, side: str, dice: random.Random) -> str:
    end_to_end = "NOTPROVIDED" if dice.random() < 0.3 else f"E2E-{key}"
    charges = ""
    if dice.random() < 0.02:
        charges = f"<Chrgs><Rcrd>{_money(250)}<ChrgInclInd>true</ChrgInclInd></Rcrd></Chrgs>"
    return (
        f"<TxDtls><Refs><AcctSvcrRef>BK{key}</AcctSvcrRef><EndToEndId>{end_to_end}</EndToEndId>"
        f"<TxId>TX{key}</TxId></Refs>{_money(amount)}<CdtDbtInd>{side}</CdtDbtInd>{charges}"
        f"{_parties(key, dice)}<RmtInf>{_remittance(amount, dice)}</RmtInf></TxDtls>"
    )


def _parties(key: str, dice: random.Random) -> str:
    ultimate = ""
    if dice.random() < 0.05:
        ultimate = f"<UltmtDbtr><Pty><Nm>Holding {dice.randrange(50)}</Nm></Pty></UltmtDbtr>"
    account = ""
    if dice.random() < 0.9:
        account = f"<DbtrAcct><Id><IBAN>DE{dice.randrange(10**20):020d}</IBAN></Id></DbtrAcct>"
    name = f"{dice.choice(_NAMES)} {key}"
    address = "<PstlAdr><StrtNm>Hauptstraße</StrtNm><Ctry>DE</Ctry></PstlAdr>"
    debtor = f"<Dbtr><Pty><Nm>{name}</Nm>{address}</Pty></Dbtr>"
    return f"<RltdPties>{debtor}{account}{ultimate}</RltdPties>"


def _remittance(amount: int, dice: random.Random) -> str:
    kind = dice.random()
    number = f"INV-{dice.randrange(10**7):07d}"
    if kind < 0.45:
        return f"<Ustrd>Rechnung {number} Kunde {dice.randrange(99_999)}</Ustrd>"
    if kind < 0.55:
        return f"<Ustrd>{number}</Ustrd><Ustrd>less freight {dice.randrange(99)}</Ustrd>"
    if kind < 0.65:
        kind_of = "<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
        reference = _creditor_reference(dice)
        return f"<Strd><CdtrRefInf>{kind_of}<Ref>{reference}</Ref></CdtrRefInf></Strd>"
    parts = dice.randrange(1, 5)
    shares = [amount // parts] * (parts - 1)
    shares.append(amount - sum(shares))
    return "".join(_document(share, dice) for share in shares)


def _creditor_reference(dice: random.Random) -> str:
    body = f"{dice.randrange(10**12):012d}"
    return f"RF{98 - int(body + '271500') % 97:02d}{body}"


def _document(amount: int, dice: random.Random) -> str:
    discount = dice.randrange(1, 900) if dice.random() < 0.3 else 0
    taken = f"<DscntApldAmt>{_money(discount)}</DscntApldAmt>" if discount else ""
    kind = "<Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp>"
    number = (
        f"<Nb>INV-{dice.randrange(10**7):07d}</Nb><RltdDt>2026-10-0{dice.randrange(1, 10)}</RltdDt>"
    )
    return (
        f"<Strd><RfrdDocInf>{kind}{number}</RfrdDocInf>"
        f"<RfrdDocAmt>{_money(amount + discount, 'DuePyblAmt')}{taken}{_money(amount, 'RmtdAmt')}"
        "</RfrdDocAmt></Strd>"
    )
