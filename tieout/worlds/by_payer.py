"""Scenarios about who pays: strangers, namesakes, third parties, money that is no receivable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.accounts import account_number
from tieout.worlds.drafts import Draft, Line
from tieout.worlds.names import coin_name, other_legal_form
from tieout.worlds.references import DOCUMENT_STYLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.planner import Planner

__all__ = ["PAYER_SCENARIOS", "unknown_payer"]

_NOT_RECEIVABLE: Final = {
    # text, payer, BAI type code, least and most cents
    "US": (
        ("INTEREST PAID THIS PERIOD", "", "354", 120, 90_000),
        ("ZBA SWEEP FROM CONCENTRATION ACCT", "", "275", 500_000, 90_000_000),
        ("TAX REFUND FORM 1120", "STATE REVENUE OFFICE", "142", 20_000, 4_000_000),
        ("VENDOR REFUND OVERPAID P-CARD", "OFFICE PLATFORM BILLING", "142", 1_500, 80_000),
        ("REVERSAL OF SERVICE CHARGE", "", "399", 900, 12_000),
    ),
    "DE": (
        ("Habenzinsen 3. Quartal", "", "", 120, 90_000),
        ("Cash Pooling Übertrag", "Eigenes Konto", "", 500_000, 60_000_000),
        ("Umsatzsteuererstattung 09/26", "Finanzkasse", "", 30_000, 5_000_000),
        ("Gutschrift Lieferant Erstattung Fracht", "Stadtwerke Abrechnung", "", 1_500, 90_000),
        ("Storno Entgelt Kontoführung", "", "", 900, 9_000),
    ),
    "NL": (
        ("Creditrente", "", "", 120, 60_000),
        ("Interne overboeking spaarrekening", "Eigen rekening", "", 500_000, 40_000_000),
        ("Teruggaaf omzetbelasting september", "Belastingkantoor", "", 30_000, 5_000_000),
        ("Restitutie energienota", "Energie Afrekening", "", 1_500, 90_000),
    ),
}
_AGENTS: Final = {
    "US": ("Payables Clearing", "Disbursement Services", "Shared Service Center"),
    "DE": ("Zahlungsdienste", "Zentralregulierung", "Abrechnungsstelle"),
    "NL": ("Betaalservice", "Incasso Centrale", "Shared Services"),
}


def _random_company(plan: Planner) -> int:
    return plan.items.company[plan.dice.below(len(plan.items))]


def unknown_payer(plan: Planner) -> list[Draft]:
    """A payment of somebody who is no customer, sometimes with a name very like one's."""
    dice = plan.dice
    row = dice.below(len(plan.items))
    customer, company = plan.items.customer[row], plan.items.company[row]
    country = plan.country(company)
    style = dice.unit()
    known = plan.customers.name[customer]
    if style < 0.25 and not plan.customers.has_namesake[customer]:
        scenario, name = "unknown_namesake", other_legal_form(dice, known).full
    elif style < 0.5:
        stem = known.core.split()[0]
        trade = coin_name(dice, country).core.split()[-1]
        scenario, name = "unknown_similar", f"{stem} {trade} {known.legal_form}"
    else:
        scenario, name = "unknown_payer", coin_name(dice, country).full
    taken = {name.upper() for name in _names_near(plan, customer)}
    if name.upper() in taken:
        scenario, name = "unknown_payer", f"{coin_name(dice, country).core} Export"
    draft = plan.stranger(scenario, company, abs(plan.items.face[dice.below(len(plan.items))]))
    draft.payer_name = name.upper() if dice.chance(0.5) else name
    draft.payer_account = account_number(dice, country) if dice.chance(0.6) else ""
    draft.codes = "PAY-UNKNOWN;PAY-AMBIG;REF-NOTFOUND;REF-NONE"
    draft.text = _strange_text(plan, company)
    draft.form = "text" if draft.text else "any"
    return [draft]


def _names_near(plan: Planner, customer: int) -> list[str]:
    return [plan.customers.name[customer].full, plan.customers.alias[customer]]


def _strange_text(plan: Planner, company: int) -> str:
    dice, country = plan.dice, plan.country(company)
    style = dice.unit()
    if style < 0.5:
        return texts.empty_sentence(dice, country)
    if style < 0.75:
        return texts.reference_sentence(dice, country, [f"{dice.digits(4)}-{dice.digits(3)}"])
    write = DOCUMENT_STYLES[plan.spec.companies[company].document_style]
    return texts.reference_sentence(dice, country, [write(dice.between(1, 9_999), 2026)])


def _not_receivable(plan: Planner) -> list[Draft] | None:
    company = _random_company(plan)
    country = plan.country(company)
    text, payer, code, least, most = plan.dice.pick(_NOT_RECEIVABLE[country])
    draft = plan.stranger("not_receivable", company, plan.dice.between(least, most), form="text")
    draft.text, draft.payer_name, draft.type_code = text, payer, code
    draft.codes = "IN-NONAR;PAY-UNKNOWN" if payer else "IN-NONAR"
    return [draft]


def _third_party_ref(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1 + plan.dice.below(3))
    if rows is None:
        return None
    draft = plan.draft("third_party_ref", rows, form="structured")
    draft.lines = plan.lines(rows)
    country = plan.country(draft.company)
    stem = coin_name(plan.dice, country).core.split()[0]
    draft.payer_name = f"{stem} {plan.dice.pick(_AGENTS[country])}"
    own = plan.customers.account[draft.customer] if plan.dice.chance(0.4) else ""
    draft.payer_account = own or account_number(plan.dice, country)
    draft.payer = -1
    draft.codes = "PAY-THIRD;"
    return [draft]


def _name_conflict(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None or not plan.customers.account[plan.items.customer[rows[0]]]:
        return None
    other_row = plan.dice.below(len(plan.items))
    other = plan.items.customer[other_row]
    same = plan.items.company[other_row] == plan.items.company[rows[0]]
    if not same or other == plan.items.customer[rows[0]]:
        return None
    draft = plan.draft("name_conflict", rows)
    draft.text = texts.empty_sentence(plan.dice, plan.country(draft.company))
    draft.payer_name = plan.customers.name[other].full
    draft.payer_account = plan.customers.account[draft.customer]
    draft.payer = -1
    draft.expect, draft.codes = "exception", "PAY-CONFLICT;PAY-THIRD;PAY-AMBIG"
    return [draft]


def _other_company(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None:
        return None
    company = plan.items.company[rows[0]]
    companies = plan.spec.companies
    others = [
        index
        for index, other in enumerate(companies)
        if index != company and other.currency == companies[company].currency
    ]
    if not others:
        return None
    draft = plan.draft("other_company", rows, form="structured")
    draft.lines = [Line(plan.items.document[rows[0]], draft.amount)]
    draft.company = plan.dice.pick(others)
    draft.customer, draft.truth = -1, []
    draft.expect = "exception"
    draft.codes = "REF-WRONGCO;PAY-CROSS;REF-NOTFOUND;PAY-UNKNOWN"
    return [draft]


PAYER_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "third_party_ref": _third_party_ref,
    "name_conflict": _name_conflict,
    "other_company": _other_company,
    "not_receivable": _not_receivable,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
