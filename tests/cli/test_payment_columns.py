"""Columns of written payments that only some formats fill: trace, advice, order, charges."""

from __future__ import annotations

import csv

import pyarrow.parquet as pq

from tieout.commands import main

XML = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Id>1</Id><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Ntry>
<Amt Ccy="EUR">3.10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-09-30</Dt></BookgDt><NtryDtls><TxDtls><Refs><TxId>T-1</TxId></Refs>
<AmtDtls><InstdAmt><Amt Ccy="JPY">500</Amt><CcyXchg><XchgRate>161.29</XchgRate></CcyXchg>
</InstdAmt><TxAmt><Amt Ccy="EUR">3.10</Amt></TxAmt></AmtDtls>
<Chrgs><Rcrd><Amt Ccy="EUR">0.25</Amt></Rcrd></Chrgs>
<RltdPties><UltmtDbtr><Pty><Nm>ACME</Nm></Pty></UltmtDbtr></RltdPties>
<RltdRmtInf><RmtId>RA-1</RmtId></RltdRmtInf></TxDtls></NtryDtls></Ntry></Stmt>
</BkToCstmrStmt></Document>"""
TRAILING = {
    "trace_number": "T-1",
    "uetr": "",
    "ultimate_payer_name": "ACME",
    "remittance_id": "RA-1",
    "instructed_amount": "500",
    "instructed_currency": "JPY",
    "exchange_rate": "161.29",
    "charges_amount": "0.25",
}


def test_further_columns_stand_last_and_amounts_are_in_their_own_currency(tmp_path):
    (tmp_path / "bank.xml").write_text(XML)
    out = tmp_path / "out"
    assert main(["parse", str(tmp_path / "bank.xml"), "--out", str(out), "--format", "csv"]) == 0
    with (out / "payments.csv").open(newline="") as file:
        (row,) = list(csv.DictReader(file))
    assert list(row)[-8:] == list(TRAILING)
    assert {name: row[name] for name in TRAILING} == TRAILING
    assert row["amount"] == "3.10"


def test_decimals_of_parquet_are_major_units_of_their_currency(tmp_path):
    (tmp_path / "bank.xml").write_text(XML)
    out = tmp_path / "out"
    assert main(["parse", str(tmp_path / "bank.xml"), "--out", str(out)]) == 0
    (row,) = pq.read_table(out / "payments.parquet").to_pylist()
    assert (row["instructed_amount"], row["charges_amount"]) == (500, row["charges_amount"])
    assert str(row["charges_amount"]) == "0.2500"
