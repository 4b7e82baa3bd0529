"""Words by which payers and banks say what money is: a fee, a tax, a reason for paying less, or no
customer's payment at all. English, German, Dutch, French, Spanish and Italian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from engine.required_words import may_find

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "CASH_DISCOUNT",
    "CAUSE",
    "DISCOUNT",
    "FEE",
    "FEE_REASON",
    "NOT_RECEIVABLE",
    "REASON",
    "TAX",
    "says",
]

FEE: Final = (
    r"(?i)\b(?:bank|wire|transfer|sha|ben|our|less|net of) ?(?:charge|fee|cost)|"
    r"\bcharges? (?:sha|ben|our)\b|\bspesen|\bbankgeb|\bgeb(?:ue|ü)hr|\bfrais bancaires|"
    r"\bbankkosten"
)
TAX: Final = (
    r"(?i)\b(?:withh\w*|wht|tds|tax|vat|gst|mwst|ust|btw|iva|tva|quellensteuer|bronbelasting|"
    r"retenci\w*|retenue|ritenuta)\b"
)
CASH_DISCOUNT: Final = (
    r"(?i)^ ?(?:disc(?:ount)?\.?|discount taken) ?$|\bun-?earned\b|skonto|escompte|"
    r"betalingskorting|"
    r"\b(?:cash|prompt|early|settlement|terms?) ?(?:payment ?)?disc|"
    r"sconto (?:cassa|per contanti)|pronto pago|kassarabat|kontantrabat"
)
"""Reasons on a line of advice that are the cash discount of the terms, and no deduction."""
DISCOUNT: Final = (
    r"(?i)\bdisc(?:ount)?\b|skonto|korting|escompte|\bsconto|descuento|pronto pago|rabatt?"
)
"""Words in free text by which whoever pays less means a discount."""
FEE_REASON: Final = r"(?i)bank|charge|fee|spesen|geb(?:ue|ü)hr|kosten"
CAUSE: Final = (
    r"(?i)\b(?:damage|defect|breakage|short ?ship|short deliver|shortage|returned|"
    r"returns|debit note|chargeback|price diff|pricing|overcharg|quality|freight|allowance|"
    r"promo|minderung|minderlief|fehlmenge|fehlende|bruch|"
    r"m(?:ae|ä)ngel|reklam|preisabw|preisdiff|frachtk|werbek|schade|manco|te weinig|"
    r"prijsversch|vracht|reclame|retour|litige|avarie|manquant|(?:e|é)cart de prix|danno|mancan|"
    r"reso\b|differenza prezzo|da(?:n|ñ)o|rotura|faltant|diferencia de precio|devoluci)"
)
"""Why somebody pays less, in words that leave no discount to be meant."""
REASON: Final = CAUSE.replace("(?:", r"(?:less|deduct|claim|k(?:ue|ü)rzung|abzug|", 1)
"""Why somebody pays less, or that he means to."""
NOT_RECEIVABLE: Final = (
    r"(?i)\b(?:interest|zins|habenzins|int[eé]r[eê]ts?\b|(?:credit|debet)?rente\b|intereses|"
    r"sweep|zba\b|zero ?balanc|cash concentration|cash ?pool|own (?:funds|account)|eigenes konto|"
    r"eigen rekening|umbuchung|interne overboeking|internal transfer|refund|erstattung|"
    r"r(?:ue|ü)ckerstattung|restitutie|teruggaaf|remboursement|rimborso|devoluci|fee credit|"
    r"(?:reversal|correction) of|fee reversal|storno|loan (?:draw|disburse|proceeds)|darlehen|"
    r"dividend|money market|term deposit|festgeld|treasury (?:transfer|bill)|deposit correction)"
)


def says(text: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    """Which texts have one of the words of `pattern`."""
    if not may_find(text, pattern):
        return np.zeros(len(text), dtype=np.bool_)
    matched: NDArray[np.bool_] = pc.match_substring_regex(text, pattern).to_numpy(
        zero_copy_only=False
    )
    return matched
