"""A small company with one bank file: an exception for everything a clerk does."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from xml.sax.saxutils import escape

from engine.batches import CustomerBatch, OpenItemBatch
from store import open_repository
from tieout.client import Client, Credentials

__all__ = [
    "ACCOUNT",
    "BANK_ACCOUNTS_CSV",
    "COMPANY",
    "CUSTOMERS",
    "PLAIN",
    "fill_store",
    "statement_of",
    "submit_files",
]

COMPANY = "1000"
ACCOUNT = "DE89370400440532013000"
BANK_ACCOUNTS_CSV = f"bank_account,company_id,currency\n{ACCOUNT},{COMPANY},EUR\n"

CUSTOMERS = {
    "C-10442": ("Müller & Söhne GmbH & Co. KG", ("DE75512108001245126199",)),
    "C-10501": ("Ørsted Salg og Service A/S", ("DK5000400440116243",)),
    "C-10777": ("Kontor Nord Bürobedarf GmbH", ("DE12500105170648489890",)),
    "C-10778": ("Kontor Süd Bürobedarf GmbH", ("DE02120300000000202051",)),
    "C-10800": ("Zakłady Mechaniczne Łódź sp. z o.o.", ("PL61109010140000071219812874",)),
    "C-10900": (
        "Gesellschaft für Verfahrenstechnik, Anlagenbau und industrielle Dienstleistungen "
        "Ostwestfalen-Lippe mit beschränkter Haftung",
        ("DE40500105175407324931",),
    ),
    "C-11000": ("Baltic Fishing AS", ("EE382200221020145685",)),
    "C-11050": ("Nordlicht Handel GmbH", ("DE21500500009876543210",)),
    "C-11100": ("Acme Robotics B.V.", ("NL91ABNA0417164300",)),
}
PLAIN = {
    f"C-2{number:04d}": (
        f"Tester {number:02d} Handels GmbH",
        (f"DE2{number:02d}500105170000000001",),
    )
    for number in range(1, 25)
}
"""Customers with one item of 310.00 and a few cents, of which they paid 20.00 too little."""

_LINES = 200
_LARGE_FIRST = 50_000


def _items() -> list[tuple[str, str, str]]:
    """Customer, number, amount."""
    named = [
        ("C-10442", "73250", "12040.86"),
        ("C-10442", "84894", "65180.83"),
        ("C-10442", "84901", "1250.00"),
        ("C-10442", "85010", "990.50"),
        ("C-10501", "61001", "81849.76"),
        ("C-10501", "61044", "400.00"),
        ("C-10777", "40011", "1500.00"),
        ("C-10778", "40512", "700.00"),
        ("C-10778", "40513", "310.00"),
        ("C-10800", "30071", "4410.00"),
        ("C-10800", "30072", "4410.00"),
        ("C-10900", "20001", "12345.67"),
        ("C-11000", "91001", "2500.00"),
        ("C-11050", "77001", "640.00"),
        ("C-11050", "77002", "-90.00"),
        ("C-11100", "55001", "1000.00"),
        ("C-11100", "55002", "1000.00"),
    ]
    many = [
        ("C-10900", str(_LARGE_FIRST + number), f"{100 + number}.25") for number in range(_LINES)
    ]
    plain = [
        (customer, str(90_000 + number), f"{310 + number}.40")
        for number, customer in enumerate(PLAIN, start=1)
    ]
    return named + many + plain


def _payments() -> list[tuple[str, str, str, str]]:
    """Amount, payer, account, text."""
    many = " ".join(str(_LARGE_FIRST + number) for number in range(_LINES))
    total = sum(Decimal(f"{100 + number}.25") for number in range(_LINES)) - Decimal("17.10")
    return [
        ("984.50", "MUELLER SOEHNE GMBH", "DE75512108001245126199", "ZAHLUNG OHNE NUMMER"),
        ("1480.00", "KONTOR NORD", "DE12500105170648489890", "INV-40011 LESS FREIGHT 20.00"),
        ("2200.00", "KONTOR NORD", "DE12500105170648489890", "FUER NORD UND SUED"),
        ("4410.00", "ZAKLADY MECHANICZNE LODZ", "PL61109010140000071219812874", "FAKTURA"),
        ("750.00", "HENNING BARGELD", "DE27100777770209299700", "PRIVATE ZAHLUNG"),
        ("2600.00", "BALTIC FISHING AS", "EE382200221020145685", "INV-91001 INV-910901"),
        ("550.00", "NORDLICHT HANDEL", "DE21500500009876543210", "SAMMELZAHLUNG LS 4410066"),
        ("1000.00", "ACME ROBOTICS BV", "NL91ABNA0417164300", "PAYMENT"),
        ("500.00", "ORSTED SALG", "DK5000400440116243", "INV-61044 INV-610450"),
        (str(total), "GES F VERFAHRENSTECHNIK", "DE40500105175407324931", f"RG {many}"),
        ("12.34", "STADTWERKE ZINS", "DE44500105175407324999", "GUTSCHRIFT"),
        *(
            (f"{290 + number}.40", name.upper(), accounts[0], "ZAHLUNG OHNE NUMMER")
            for number, (name, accounts) in enumerate(PLAIN.values(), start=1)
        ),
    ]


def statement_of(rows: list[tuple[str, str, str, str]], statement: str, day: str) -> bytes:
    """A statement of payments: amount, payer, account, text."""
    entries = "".join(
        f"""<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>
<AcctSvcrRef>{statement}-{number:04d}</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>E2E-{statement}-{number:04d}</EndToEndId></Refs>
<AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>
<RltdPties><Dbtr><Nm>{escape(name)}</Nm></Dbtr><DbtrAcct><Id><IBAN>{account}</IBAN></Id></DbtrAcct>
</RltdPties><RmtInf>{_unstructured(text)}</RmtInf></TxDtls></NtryDtls></Ntry>
"""
        for number, (amount, name, account, text) in enumerate(rows, start=1)
    )
    total = sum(Decimal(row[0]) for row in rows)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>{statement}</MsgId><CreDtTm>{day}T18:00:00</CreDtTm></GrpHdr>
<Stmt><Id>{statement}</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>{day}T18:00:00</CreDtTm>
<Acct><Id><IBAN>{ACCOUNT}</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1000.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{total + 1000}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>
{entries}</Stmt></BkToCstmrStmt></Document>
""".encode()


def _unstructured(text: str) -> str:
    return "".join(f"<Ustrd>{text[at : at + 140]}</Ustrd>" for at in range(0, len(text), 140))


def fill_store(url: str) -> None:
    """Customers and open items, as an ERP brings them."""
    items = _items()
    customers = CUSTOMERS | PLAIN
    minor = [int(Decimal(amount) * 100) for _, _, amount in items]
    store = open_repository(url)
    with store.booking() as booking:
        booking.customers.upsert(
            CustomerBatch.from_columns(
                {
                    "customer_id": list(customers),
                    "company_id": [COMPANY] * len(customers),
                    "name": [name for name, _ in customers.values()],
                    "bank_accounts": [";".join(accounts) for _, accounts in customers.values()],
                    "status": ["active"] * len(customers),
                }
            )
        )
        booking.open_items.upsert(
            OpenItemBatch.from_columns(
                {
                    "open_item_id": [f"OI-{number}" for _, number, _ in items],
                    "company_id": [COMPANY] * len(items),
                    "customer_id": [customer for customer, _, _ in items],
                    "document_number": [
                        f"{'CM' if amount < 0 else 'INV'}-{number}"
                        for (_, number, _), amount in zip(items, minor, strict=True)
                    ],
                    "document_type": [
                        "credit_memo" if amount < 0 else "invoice" for amount in minor
                    ],
                    "currency": ["EUR"] * len(items),
                    "original_minor": minor,
                    "open_minor": minor,
                    "document_date": [datetime.date(2026, 2, 1)] * len(items),
                    "due_date": [datetime.date(2026, 3, 3)] * len(items),
                    "status": ["open"] * len(items),
                }
            )
        )
    store.close()


def submit_files(address: str, token: str = "") -> None:
    """Two statements of the bank: Monday's exceptions, and on Tuesday more of the same."""
    credentials = Credentials(token=token)
    with Client(address, timeout_seconds=120, credentials=credentials) as client:
        for rows, name in ((_payments(), "2026-03-16"), (_payments()[-1:], "2026-03-17")):
            content = statement_of(rows, f"STMT-{name}", name)
            client.submit_bank_file(io.BytesIO(content), f"statement-{name}.xml")
