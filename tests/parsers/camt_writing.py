"""Writes small camt messages for tests: only what a case is about has to be said."""

from __future__ import annotations

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def detail(amount="", *, refs="", debtor="", remittance="", more="", ccy="EUR", direction=""):
    """A `TxDtls`; `debtor` is a name, `refs`, `remittance` and `more` are XML."""
    money = f'<Amt Ccy="{ccy}">{amount}</Amt>' if amount else ""
    way = f"<CdtDbtInd>{direction}</CdtDbtInd>" if direction else ""
    party = f"<RltdPties><Dbtr><Nm>{debtor}</Nm></Dbtr></RltdPties>" if debtor else ""
    text = f"<RmtInf>{remittance}</RmtInf>" if remittance else ""
    return f"<TxDtls><Refs>{refs}</Refs>{money}{way}{party}{text}{more}</TxDtls>"


def entry(
    amount="100.00",
    *details,
    direction="CRDT",
    status="<Sts>BOOK</Sts>",
    code="PMNT/RCDT/ESCT",
    batch="",
    more="",
    ccy="EUR",
    date="2026-09-30",
):
    """A `Ntry` with its details."""
    way = f"<CdtDbtInd>{direction}</CdtDbtInd>" if direction else ""
    domain, family, sub_family = code.split("/")
    count = f"<Btch><NbOfTxs>{batch}</NbOfTxs></Btch>" if batch else ""
    inner = f"<NtryDtls>{count}{''.join(details)}</NtryDtls>" if details or count else ""
    booked = f"<BookgDt><Dt>{date}</Dt></BookgDt>" if date else ""
    return (
        f'<Ntry><Amt Ccy="{ccy}">{amount}</Amt>{way}{status}{booked}'
        f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub_family}</SubFmlyCd>"
        f"</Fmly></Domn></BkTxCd>{more}{inner}</Ntry>"
    )


def balance(code, amount, direction="CRDT", *, date="2026-09-30", ccy="EUR"):
    """A `Bal`."""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
        f"<Dt><Dt>{date}</Dt></Dt></Bal>"
    )


def statement(*content, identity="S1", account="DE89370400440532013000", head="", kind="Stmt"):
    """A statement; `head` stands between its identity and its account."""
    own = f"<Acct><Id><IBAN>{account}</IBAN></Id><Ccy>EUR</Ccy></Acct>" if account else ""
    return f"<{kind}><Id>{identity}</Id>{head}{own}{''.join(content)}</{kind}>"


def message(*statements, namespace=NAMESPACE, root="BkToCstmrStmt"):
    """A whole file as bytes."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}"><{root}>'
        f"<GrpHdr><MsgId>M</MsgId></GrpHdr>{''.join(statements)}</{root}></Document>"
    ).encode()


def document(code, number, *amounts):
    """A `Strd` about one document; `amounts` are XML within `RfrdDocAmt`."""
    money = f"<RfrdDocAmt>{''.join(amounts)}</RfrdDocAmt>" if amounts else ""
    return (
        f"<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f"<Nb>{number}</Nb></RfrdDocInf>{money}</Strd>"
    )


def euro(name, amount):
    """An amount element in EUR."""
    return f'<{name} Ccy="EUR">{amount}</{name}>'


def typed(code, amount):
    """An amount of version .12 and later."""
    return f"<RmtAmtAndTp><Tp><Cd>{code}</Cd></Tp>{euro('Amt', amount)}</RmtAmtAndTp>"


def adjustment(amount, direction, reason="", text=""):
    """An adjustment with its reason."""
    return (
        f"<AdjstmntAmtAndRsn>{euro('Amt', amount)}<CdtDbtInd>{direction}</CdtDbtInd>"
        f"<Rsn>{reason}</Rsn><AddtlInf>{text}</AddtlInf></AdjstmntAmtAndRsn>"
    )
