"""What payers write: remittance texts in the language of their country, with and without sense."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.worlds.dice import Dice

__all__ = [
    "DEDUCTION_REASONS",
    "amount_text",
    "credit_sentence",
    "customer_number_sentence",
    "distracted_sentence",
    "empty_sentence",
    "list_with_amounts",
    "reference_sentence",
    "short_date",
]

_WITH_REFERENCE: Final = {
    "US": (
        "{r}",
        "{r}",
        "Inv {r}",
        "Settling your invoice {r}",
        "Remit {r} with thanks",
        "A/P disbursement {r}",
        "Your inv. no. {r}",
        "bill no {r}",
    ),
    "DE": (
        "{r}",
        "Rg. {r}",
        "Ausgleich Beleg {r}",
        "Rechnungsnr. {r}",
        "Ihre Rechnung {r} dankend erhalten",
        "Zahlung zu Re-Nr {r}",
        "RNR {r}",
    ),
    "NL": (
        "{r}",
        "Factuur {r}",
        "Betreft factuurnr. {r}",
        "Uw fact. {r}",
        "Voldoening nota {r}",
        "fnr {r}",
    ),
}
_WITHOUT_REFERENCE: Final = {
    "US": (
        "",
        "A/P weekly run",
        "open invoices",
        "per your October statement",
        "thanks for your business",
        "payables batch {n}",
        "on account balance",
    ),
    "DE": (
        "",
        "offene Posten lt. Auszug",
        "Sammelausgleich",
        "Ihre Lieferungen",
        "Kontoausgleich",
        "lt. Vereinbarung",
        "Zahlungslauf {n}",
    ),
    "NL": (
        "",
        "openstaande posten",
        "conform overzicht",
        "crediteuren batch {n}",
        "dank u wel",
        "volgens afspraak",
    ),
}
_CUSTOMER_NUMBER: Final = {
    "US": ("Customer no. {c}", "our account with you {c}", "Cust# {c}", "ACCT {c}"),
    "DE": ("Kd.-Nr. {c}", "Kundennummer {c}", "KdNr {c} lt. Auszug"),
    "NL": ("klantnr {c}", "Debiteur {c}", "klantnummer {c} overzicht"),
}
_DISTRACTIONS: Final = {
    "US": (
        "dated {d}",
        "questions call 555-01{p}",
        "our batch {n}",
        "order 45{o}",
        "total {a}",
        "approved {d} voucher {n}",
    ),
    "DE": (
        "vom {d}",
        "Rückfragen 0800 555{p}",
        "Bestellung 45{o}",
        "Betrag {a}",
        "Lieferung KW {w}",
        "Vorgang {n} vom {d}",
    ),
    "NL": ("d.d. {d}", "tel 088 555{p}", "inkooporder 45{o}", "bedrag {a}", "week {w} batch {n}"),
}
_JOINS: Final = {
    "US": (", ", " ", " & ", "; ", "/ "),
    "DE": (", ", " ", " und ", " + ", "; "),
    "NL": (", ", " ", " en ", " + ", " - "),
}
_CREDITS: Final = {
    "US": ("less credit {r}", "CM {r} taken", "net of cr memo {r}"),
    "DE": ("abzgl. Gutschrift {r}", "Verrechnung GS {r}"),
    "NL": ("minus creditnota {r}", "verrekend met credit {r}"),
}
DEDUCTION_REASONS: Final = {
    "damaged": ("less damaged goods", "abzgl. Bruch", "minus schade"),
    "pricing": ("price difference", "Preisabweichung", "prijsverschil"),
    "freight": ("freight not agreed", "Frachtkosten abgezogen", "vracht niet akkoord"),
    "shortage": ("short shipped", "Fehlmenge", "te weinig geleverd"),
    "promotion": ("promo allowance", "Werbekostenzuschuss", "reclamebijdrage"),
}
"""Reason → how it is said in the United States, Germany and the Netherlands."""


def short_date(day: int, country: str) -> str:
    """`day` (days since 1970-01-01) as people of `country` write it."""
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    return date.strftime("%m/%d/%y" if country == "US" else "%d.%m.%Y")


def amount_text(minor: int, country: str) -> str:
    """Cents as people of `country` write amounts: `1,234.50` or `1.234,50`."""
    whole = f"{abs(minor) // 100:,}"
    text = f"{whole}.{abs(minor) % 100:02d}"
    if country != "US":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"-{text}" if minor < 0 else text


def reference_sentence(dice: Dice, country: str, references: Sequence[str]) -> str:
    """A sentence that names `references`."""
    joined = dice.pick(_JOINS[country]).join(references)
    return dice.pick(_WITH_REFERENCE[country]).format(r=joined)


def list_with_amounts(dice: Dice, country: str, pairs: Sequence[tuple[str, int]]) -> str:
    """References, each with its amount in cents behind it."""
    middle = dice.pick((" ", " = ", ": "))
    joined = [f"{reference}{middle}{amount_text(minor, country)}" for reference, minor in pairs]
    return dice.pick(("; ", " / ", "\n")).join(joined)


def empty_sentence(dice: Dice, country: str) -> str:
    """A text that names nothing, or no text at all."""
    return dice.pick(_WITHOUT_REFERENCE[country]).format(n=dice.between(101, 989))


def customer_number_sentence(dice: Dice, country: str, customer_id: str) -> str:
    """A text that gives our own number of the customer."""
    return dice.pick(_CUSTOMER_NUMBER[country]).format(c=customer_id)


def credit_sentence(dice: Dice, country: str, references: Sequence[str], credit: str) -> str:
    """A text that settles `references` less a credit memo."""
    taken = dice.pick(_CREDITS[country]).format(r=credit)
    return f"{reference_sentence(dice, country, references)} {taken}"


def distracted_sentence(
    dice: Dice, country: str, references: Sequence[str], day: int, minor: int
) -> str:
    """A sentence with `references` among dates, order numbers, telephone numbers and amounts."""
    facts = {
        "d": short_date(day - dice.between(2, 40), country),
        "p": dice.digits(2),
        "n": dice.between(1001, 9899),
        "o": dice.digits(8),
        "a": amount_text(minor, country),
        "w": dice.between(30, 44),
    }
    others = [text.format(**facts) for text in dice.sample(_DISTRACTIONS[country], 2)]
    sentence = reference_sentence(dice, country, references)
    return (
        f"{others[0]} {sentence} {others[1]}"
        if dice.chance(0.5)
        else (f"{sentence} {' '.join(others)}")
    )
