"""Who stands behind a payment, what it cost, what was ordered, in every version."""

from __future__ import annotations

import pytest
from camt_reading import read_all
from camt_writing import detail, entry, euro, message, statement

from parsers.bank_files import parse_bank_file

VERSIONS = ("02", "03", "06", "07", "08", "12", "14", "27")


def only(*content, version="08", **facts):
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    parsed = parse_bank_file(message(statement(*content, **facts), namespace=namespace), "b.xml")
    (payment,) = parsed.payments.record_batch.to_pylist()
    return payment


def party(role, name, version):
    inner = f"<Nm>{name}</Nm>"
    return f"<{role}>{inner if version < '07' else f'<Pty>{inner}</Pty>'}</{role}>"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_ultimate_debtor_stands_beside_the_debtor(version):
    people = party("Dbtr", "Pay Hub", version) + party("UltmtDbtr", "ACME", version)
    payment = only(
        entry("1.00", detail("1.00", more=f"<RltdPties>{people}</RltdPties>")), version=version
    )
    assert (payment["payer_name"], payment["ultimate_payer_name"]) == ("Pay Hub", "ACME")


@pytest.mark.parametrize(
    ("account", "number"),
    [
        ("<Id><IBAN>NL91ABNA0417164300</IBAN></Id>", "NL91ABNA0417164300"),
        ("<Id><Othr><Id>4711</Id></Othr></Id>", "4711"),
        ("<Prxy><Tp><Cd>TELE</Cd></Tp><Id>+31612345678</Id></Prxy>", "+31612345678"),
        (
            "<Id><IBAN>NL91ABNA0417164300</IBAN></Id><Prxy><Id>x@example.org</Id></Prxy>",
            "NL91ABNA0417164300",
        ),
    ],
)
def test_an_account_is_an_iban_another_number_or_a_proxy(account, number):
    more = f"<RltdPties><DbtrAcct>{account}</DbtrAcct></RltdPties>"
    assert only(entry("1.00", detail("1.00", more=more)))["payer_account"] == number


def record(amount, *, included="", bearer="", side="DBIT", ccy="EUR"):
    told = f"<ChrgInclInd>{included}</ChrgInclInd>" if included else ""
    who = f"<Br>{bearer}</Br>" if bearer else ""
    return f'<Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{told}{who}'


CHARGES = [
    ("flat", "".join(f"<Chrgs>{record(one)}</Chrgs>" for one in ("2.50", "1.00")), 350),
    ("flat total", f"<Chrgs>{euro('TtlChrgsAndTaxAmt', '3.00')}</Chrgs>", 300),
    ("one record", f"<Chrgs><Rcrd>{record('2.50', included='true')}</Rcrd></Chrgs>", 250),
    (
        "records before the total",
        f"<Chrgs>{euro('TtlChrgsAndTaxAmt', '9.00')}<Rcrd>{record('2.50')}</Rcrd>"
        f"<Rcrd>{record('1.50')}</Rcrd></Chrgs>",
        400,
    ),
    ("a refund", f"<Chrgs><Rcrd>{record('1.00', side='CRDT')}</Rcrd></Chrgs>", -100),
    ("not included", f"<Chrgs><Rcrd>{record('1.00', included='false')}</Rcrd></Chrgs>", None),
    ("borne by the payer", f"<Chrgs><Rcrd>{record('1.00', bearer='DEBT')}</Rcrd></Chrgs>", None),
    ("another currency", f"<Chrgs><Rcrd>{record('1.00', ccy='USD')}</Rcrd></Chrgs>", None),
]


@pytest.mark.parametrize("place", ["detail", "entry"])
@pytest.mark.parametrize(
    ("charges", "minor"), [c[1:] for c in CHARGES], ids=[c[0] for c in CHARGES]
)
def test_charges_of_both_models_are_those_the_payment_was_reduced_by(charges, minor, place):
    if place == "detail":
        payment = only(entry("97.50", detail("97.50", more=charges)))
    else:
        payment = only(entry("97.50", detail("97.50"), more=charges))
    assert payment["charges_minor"] == minor
    assert payment["amount_minor"] == 9750


def exchanged(name, amount, ccy, rate=""):
    told = f"<CcyXchg><SrcCcy>USD</SrcCcy><XchgRate>{rate}</XchgRate></CcyXchg>" if rate else ""
    return f'<{name}><Amt Ccy="{ccy}">{amount}</Amt>{told}</{name}>'


@pytest.mark.parametrize("version", VERSIONS)
def test_the_instructed_amount_and_its_rate_are_kept(version):
    amounts = exchanged("InstdAmt", "500", "JPY") + exchanged("TxAmt", "3.10", "EUR", "161.29")
    payment = only(entry("3.10", detail(more=f"<AmtDtls>{amounts}</AmtDtls>")), version=version)
    assert (payment["instructed_minor"], payment["instructed_currency"]) == (500, "JPY")
    assert payment["exchange_rate"] == "161.29"
    assert (payment["amount_minor"], payment["currency"]) == (310, "EUR")


def test_a_detail_in_a_foreign_currency_tells_what_was_instructed():
    payment = only(entry("90.00", detail("100.00", ccy="USD")))
    assert (payment["amount_minor"], payment["currency"]) == (9000, "EUR")
    assert (payment["instructed_minor"], payment["instructed_currency"]) == (10000, "USD")


def test_an_entry_without_details_tells_its_own_amounts():
    amounts = exchanged("InstdAmt", "100.00", "USD", "0.9")
    payment = only(entry("90.00", more=f"<AmtDtls>{amounts}</AmtDtls>"))
    assert (payment["instructed_minor"], payment["exchange_rate"]) == (10000, "0.9")


def test_details_that_stay_one_payment_lend_no_amount_of_one_of_them():
    amounts = f"<AmtDtls>{exchanged('InstdAmt', '1.00', 'USD')}</AmtDtls>"
    payment = only(entry("90.00", detail(more=amounts), detail(more=amounts)))
    assert (payment["instructed_minor"], payment["instructed_currency"]) == (None, "")


def test_the_id_of_an_advice_sent_apart_is_kept():
    more = "<RltdRmtInf><RmtLctnMtd>EMAL</RmtLctnMtd></RltdRmtInf>"
    more = f"<RltdRmtInf><RmtId>RA-77</RmtId></RltdRmtInf>{more}"
    assert only(entry("1.00", detail("1.00", more=more)))["remittance_id"] == "RA-77"


def test_the_code_of_the_original_is_told_with_a_return():
    original = "<OrgnlBkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RDDT</Cd><SubFmlyCd>ESDD</SubFmlyCd>"
    more = f"<RtrInf>{original}</Fmly></Domn></OrgnlBkTxCd><Rsn><Prtry>X9</Prtry></Rsn></RtrInf>"
    payment = only(entry("1.00", detail("1.00", more=more), direction="DBIT"))
    assert payment["remittance_text"] == "PMNT/RDDT/ESDD\nX9"
    assert payment["amount_minor"] == -100


@pytest.mark.parametrize(
    "more",
    [
        CHARGES[2][1],
        CHARGES[3][1],
        f"<AmtDtls>{exchanged('InstdAmt', '500', 'JPY', '161.29')}</AmtDtls>",
        "<RltdRmtInf><RmtId>RA-77</RmtId></RltdRmtInf>",
        "<RltdPties><UltmtDbtr><Nm>U</Nm></UltmtDbtr></RltdPties>",
    ],
)
def test_columns_say_the_same(more):
    entries = [
        entry(
            f"{number}.00", detail(f"{number}.00", more=more), more="<AcctSvcrRef>B</AcctSvcrRef>"
        )
        for number in range(1, 8)
    ]
    entries += [
        entry(
            "5.00", detail("2.00", more=more), detail("3.00"), more="<AcctSvcrRef>E</AcctSvcrRef>"
        )
        for _ in range(3)
    ]
    content = message(statement(*entries))
    assert read_all(content) == read_all(content, with_columns=False)
