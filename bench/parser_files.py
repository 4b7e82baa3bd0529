"""Bank files the readers are measured on: made up, the same bytes on every machine.

Each is written in the plainest dialect of its format, so that the peers can read it as well.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["MEASURED_FILES", "MeasuredFile", "make_file"]

_WORDS: Final = [
    "ACME",
    "ALPINE",
    "ATLAS",
    "BIRCH",
    "BOLT",
    "BRIGHT",
    "CEDAR",
    "CLEAR",
    "DELTA",
    "EAGLE",
    "EMBER",
    "FALCON",
    "FERN",
    "GRAND",
    "HARBOR",
    "IRON",
    "JUNIPER",
    "KESTREL",
    "LAKE",
    "MAPLE",
    "NORTH",
    "OAK",
    "PIONEER",
    "QUARRY",
    "RIVER",
    "SILVER",
    "SUMMIT",
    "TIMBER",
    "UNION",
    "VALLEY",
]
_FORMS: Final = ("INC", "LLC", "GMBH", "LTD", "BV", "SA")
_CHECKS_PER_BATCH: Final = 99
_ROWS_PER_ACCOUNT: Final = 2_000


class MeasuredFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file to measure: its name, what is in it, and the rows that give the full size."""

    name: str
    format: str
    title: str
    rows: int
    write: Callable[[random.Random, int], Iterator[str]]


def make_file(measured: MeasuredFile, rows: int, folder: Path) -> Path:
    """The file of `rows` rows, out of `folder` where an equal run made it before."""
    path = folder / f"{measured.name}-{rows}.bank"
    if not path.exists():
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="ascii", newline="") as sink:
            sink.writelines(measured.write(random.Random(rows), rows))  # noqa: S311 - made-up data
        draft.rename(path)
    return path


def _name(dice: random.Random) -> str:
    return f"{dice.choice(_WORDS)} {dice.choice(_WORDS)} {dice.choice(_FORMS)}"


def _amount(dice: random.Random) -> int:
    return int(10 ** dice.uniform(3, 7))


def _bai2(detail: Callable[[random.Random, int, int], list[str]]) -> Callable[..., Iterator[str]]:
    def write(dice: random.Random, rows: int) -> Iterator[str]:
        yield "01,121000248,ACME,260930,0615,1,,,2/\n02,ACME,121000248,1,260929,2359,USD,2/\n"
        records, total, accounts = 2, 0, 0
        for first in range(0, rows, _ROWS_PER_ACCOUNT):
            yield f"03,44022{accounts:05d},USD,010,5000,,/\n"
            inside, money = 1, 5_000
            for row in range(first, min(rows, first + _ROWS_PER_ACCOUNT)):
                amount = _amount(dice)
                lines = detail(dice, row, amount)
                yield "\n".join(lines) + "\n"
                inside += len(lines)
                money += amount
            yield f"49,{money},{inside + 1}/\n"
            records, total, accounts = records + inside + 1, total + money, accounts + 1
        yield f"98,{total},{accounts},{records}/\n99,{total},1,{records + 2}/\n"

    return write


def _short_detail(dice: random.Random, row: int, amount: int) -> list[str]:
    return [
        f"16,195,{amount},0,BK{row:08d},CU{row:07d},INCOMING WIRE {_name(dice)}",
        f"88,OBI:=INV {dice.randrange(10**7):07d} PAYMENT OF SEPTEMBER",
    ]


def _long_detail(dice: random.Random, row: int, amount: int) -> list[str]:
    number = dice.randrange(10**6)
    return [
        f"16,165,{amount},V,260929,,BK{row:08d},,ACH CREDIT",
        f"88,ORIG CO NAME:{_name(dice)}",
        f"88,ORIG ACCT: 121000248/{dice.randrange(10**9):09d}",
        f"88,TRACE#:{row:015d}",
        f"88,RMR*IV*INV-{number:06d}**{amount // 100}.{amount % 100:02d}\\",
    ]


def _camt(dice: random.Random, rows: int) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>\n'
        "<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-09-30T06:00:00</CreDtTm></GrpHdr>\n"
        "<Stmt><Id>S-1</Id><ElctrncSeqNb>1</ElctrncSeqNb>"
        "<Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>\n"
    )
    amounts = [_amount(dice) for _ in range(rows)]
    for code, minor in (("OPBD", 0), ("CLBD", sum(amounts))):
        yield (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
            f'<Amt Ccy="EUR">{minor // 100}.{minor % 100:02d}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
            "<Dt><Dt>2026-09-29</Dt></Dt></Bal>\n"
        )
    for row, minor in enumerate(amounts):
        yield _camt_entry(dice, row, f"{minor // 100}.{minor % 100:02d}")
    yield "</Stmt></BkToCstmrStmt></Document>\n"


def _camt_entry(dice: random.Random, row: int, amount: str) -> str:
    number = dice.randrange(10**6)
    strd = (
        "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp>"
        f"<Nb>INV-{number:06d}</Nb></RfrdDocInf>"
        f'<RfrdDocAmt><RmtdAmt Ccy="EUR">{amount}</RmtdAmt></RfrdDocAmt></Strd>'
    )
    ustrd = f"<Ustrd>INVOICE {number:06d} CUSTOMER {dice.randrange(10**5):05d}</Ustrd>"
    return (
        f'<Ntry><NtryRef>{row}</NtryRef><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\n'
        "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-09-29</Dt></BookgDt>"
        f"<ValDt><Dt>2026-09-29</Dt></ValDt><AcctSvcrRef>SVC{row:09d}</AcctSvcrRef>\n"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
        "</BkTxCd>\n"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>E2E-{row:08d}</EndToEndId></Refs>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\n'
        f"<RltdPties><Dbtr><Pty><Nm>{_name(dice)}</Nm></Pty></Dbtr>"
        f"<DbtrAcct><Id><IBAN>DE{dice.randrange(10**20):020d}</IBAN></Id></DbtrAcct></RltdPties>\n"
        f"<RmtInf>{strd if row % 2 else ustrd}</RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )


def _lockbox(dice: random.Random, rows: int) -> Iterator[str]:
    """Layout A, batches of 99 checks, a lockbox of at most 9,900 checks per total."""
    yield ("1" + "0" * 22 + "2609300615").ljust(104) + "\n"
    yield "2" + "0" * 20 + "0000000001" + "400" + "104" + "0104" + "2" + " " * 62 + "\n"
    records = 2
    per_box = 100 * _CHECKS_PER_BATCH
    for first in range(0, rows, per_box):
        box = f"{640_918 + first // per_box:07d}"
        total = checks = 0
        yield f"5000000{box}260929{0:020d}".ljust(104) + "\n"
        for begin in range(first, min(rows, first + per_box), _CHECKS_PER_BATCH):
            batch = f"{(begin - first) // _CHECKS_PER_BATCH + 1:03d}"
            money = 0
            end = min(rows, first + per_box, begin + _CHECKS_PER_BATCH)
            for row in range(begin, end):
                amount = int(10 ** dice.uniform(3, 5))
                item = f"{row - begin + 1:03d}"
                yield (
                    f"6{batch}{item}{amount:010d}121000248{dice.randrange(10**10):010d}"
                    f"{row:010d}092926{_name(dice):<30}ACME FASTENERS"
                ).ljust(104) + "\n"
                yield f"4{batch}{item}6019INV-{dice.randrange(10**6):06d}".ljust(104) + "\n"
                money += amount
            yield f"7{batch}000{box}260929{end - begin:03d}{money:010d}".ljust(104) + "\n"
            records += 1 + 2 * (end - begin)
            total, checks = total + money, checks + end - begin
        yield f"8000000{box}260929{checks:04d}{total:010d}".ljust(104) + "\n"
        records += 2
    yield f"9{records + 1:06d}".ljust(104) + "\n"


def _mt940(dice: random.Random, rows: int) -> Iterator[str]:
    per_statement = 200
    balance = 0
    for number, first in enumerate(range(0, rows, per_statement), 1):
        yield (
            f":20:STARTUMS{number:06d}\r\n:25:50050201/0123456789\r\n:28C:{number:05d}/001\r\n"
            f":60F:C260928EUR{balance // 100},{balance % 100:02d}\r\n"
        )
        for row in range(first, min(rows, first + per_statement)):
            minor = _amount(dice)
            balance += minor
            invoice = dice.randrange(10**6)
            yield (
                f":61:2609290929CR{minor // 100},{minor % 100:02d}NTRFNONREF//BK{row:08d}\r\n"
                f":86:166?00GUTSCHRIFT?109248?20EREF+E2E-{row:08d}?21SVWZ+RE {invoice:06d}"
                f" VOM 01.09.?22KD {dice.randrange(10**5):05d}?30HELADEF1822"
                f"?31DE{dice.randrange(10**20):020d}?32{_name(dice)}\r\n"
            )
        yield f":62F:C260929EUR{balance // 100},{balance % 100:02d}\r\n-\r\n"


def _x12_820(dice: random.Random, rows: int) -> Iterator[str]:
    per_set = 400
    yield (
        "ISA*00*          *00*          *ZZ*PAYERBANK      *ZZ*ACME           *260929*0615*U"
        "*00401*000000001*0*P*>~\nGS*RA*PAYERBANK*ACME*20260929*0615*1*X*004010~\n"
    )
    sets = 0
    for first in range(0, rows, per_set):
        sets += 1
        amounts = [_amount(dice) for _ in range(first, min(rows, first + per_set))]
        total = sum(amounts)
        yield (
            f"ST*820*{sets:09d}~\nBPR*C*{total // 100}.{total % 100:02d}*C*ACH*CTX*01*121000248*DA"
            f"*{sets:09d}*1234567890**01*026009593*DA*4402207781*20260929~\n"
            f"TRN*1*{sets:015d}~\nN1*PR*{_name(dice)}~\nN1*PE*ACME FASTENERS~\nENT*1~\n"
        )
        for minor in amounts:
            money = f"{minor // 100}.{minor % 100:02d}"
            yield (
                f"RMR*IV*INV-{dice.randrange(10**6):06d}**{money}*{money}*0~\n"
                f"REF*PO*{dice.randrange(10**7):07d}~\nDTM*003*20260901~\n"
            )
        yield f"SE*{7 + 3 * len(amounts)}*{sets:09d}~\n"
    yield f"GE*{sets}*1~\nIEA*1*000000001~\n"


MEASURED_FILES: Final = (
    MeasuredFile(
        name="bai2",
        format="bai2",
        title="BAI2, two lines a row",
        rows=278_000,
        write=_bai2(_short_detail),
    ),
    MeasuredFile(
        name="bai2-long",
        format="bai2",
        title="BAI2, keyed text and addenda",
        rows=177_000,
        write=_bai2(_long_detail),
    ),
    MeasuredFile(
        name="camt.053",
        format="camt.053",
        title="camt.053.001.08 with remittance",
        rows=100_000,
        write=_camt,
    ),
    MeasuredFile(
        name="lockbox", format="lockbox", title="BAI lockbox, layout A", rows=95_000, write=_lockbox
    ),
    MeasuredFile(
        name="mt940", format="mt940", title="MT940, German text", rows=26_000, write=_mt940
    ),
    MeasuredFile(
        name="x12-820", format="x12-820", title="EDI 820, ACH CTX", rows=70_000, write=_x12_820
    ),
)
"""Every file that is measured, with the rows of its full size."""
