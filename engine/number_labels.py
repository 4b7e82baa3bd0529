"""The word before a number: what people call numbers that are no references, and those that are.

Words are found by the hash of their capitals; to know one more, write it into the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from engine.tokens import run_hashes, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.tokens import Runs, TextChunk

__all__ = ["LABEL_KINDS", "label_code", "labels_after", "labels_before"]

_WORDS: Final[dict[str, str]] = {
    "document": (
        "INV INVOICE INVOICES INVS BILL RE RG RNR RENR RECHNUNG RECHNUNGEN RECHNUNGSNR "
        "RECHNUNGSNUMMER BELEG BELEGNR FACTUUR FACTUURNR FACTUURNUMMER FACT FACTURE "
        "FACTURES FATTURA FACTURA FNR NOTA CM CREDIT GUTSCHRIFT GS CREDITNOTA DOC "
        "DOCUMENT"
    ),
    "order": (
        "PO ORDER BESTELLUNG BESTELLNR BESTELLNUMMER AUFTRAG INKOOPORDER COMMANDE "
        "DELIVERY LIEFERSCHEIN CONTRACT VERTRAG STATEMENT"
    ),
    "phone": (
        "TEL TELEFON TELEPHONE PHONE PH FON FAX CALL MOBILE MOBIL HANDY HOTLINE "
        "RÜCKFRAGEN RüCKFRAGEN RUECKFRAGEN"
    ),
    "account": (
        "IBAN ACCOUNT ACCT ACCOUNTS KTO KONTO KONTONR KONTONUMMER BLZ ABA ROUTING RTN BIC "
        "SWIFT REKENING REKENINGNR COMPTE CONTO BESR"
    ),
    "customer": (
        "CUSTOMER CUST CUSTOMERNO KD KDNR KUNDE KUNDEN KUNDENNR KUNDENNUMMER KLANT "
        "KLANTNR KLANTNUMMER DEBITEUR DEBITEURNR DEBITOR DEBITORENNR DEBNR CLIENT MEMBER "
        "MITGLIED MITGLIEDSNR"
    ),
    "tax": (
        "VAT VATID UST USTID USTIDNR MWST BTW BTWNR TVA IVA EIN TIN STEUERNR STEUERNUMMER "
        "STNR TAX KVK HRB"
    ),
    "own": (
        "BATCH VOUCHER ZAHLUNGSLAUF VORGANG CHECK CHEQUE CHK CK SCHECK KW WEEK WOCHE "
        "PERIOD MANDAT MANDATE TRN TRACE SUITE BOX PLZ ZIP"
    ),
    "date": ("DATED DATE DATUM VOM DD DU DEL DAT VALUTA DUE FÄLLIG FäLLIG"),
    "amount": (
        "TOTAL AMOUNT AMT BETRAG SUMME BEDRAG TOTAAL MONTANT NET NETTO BRUTTO SKONTO "
        "DISCOUNT KORTING GESAMT"
    ),
    "currency": ("USD EUR GBP CHF JPY CAD AUD SEK NOK DKK PLN CZK € £ ¥"),
    "filler": (
        "NR NO NOS NUM NUMBER NUMBERS NUMMER NRO N NUMERO ID IDNR CODE IS WITH YOU YOUR "
        "OUR IHRE IHR UNSER UNSERE UW THE OF AT US M PAYER"
    ),
}
"""Kind → words in capitals. Words of `document` and `order` name references, `filler` may stand
between a word and its number ("Kd.-Nr. 4711", "account with you 12"); all other kinds are numbers
of something else.
"""

LABEL_KINDS: Final = ("", *_WORDS)
"""Kinds of labels; a label's code is its place here, 0 for any other word."""

_FILLERS_MAX = 3
_LABEL_GAP_MAX, _FILLER_GAP_MAX = 4, 3


def label_code(kind: str) -> int:
    """Code of a kind of label."""
    return LABEL_KINDS.index(kind)


def _sorted_words() -> tuple[NDArray[np.uint64], NDArray[np.int8]]:
    words = [(word, code) for code, kind in enumerate(_WORDS, 1) for word in _WORDS[kind].split()]
    content, offsets = text_bytes(pa.array([word for word, _ in words], pa.string()))
    value = run_hashes(content, offsets[:-1], offsets[1:])
    order = np.argsort(value)
    return value[order], np.array([code for _, code in words], dtype=np.int8)[order]


_VALUES, _CODES = _sorted_words()


def _codes(content: NDArray[np.uint8], runs: Runs) -> NDArray[np.int8]:
    """Kind of label each run of letters is."""
    value = run_hashes(content, runs.start, runs.end)
    place = np.minimum(_VALUES.searchsorted(value), len(_VALUES) - 1)
    return np.where(_VALUES[place] == value, _CODES[place], np.int8(0))


def labels_before(
    chunk: TextChunk, letters: Runs, start: NDArray[np.int64], floor: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Kind of label in front of each place in `start`, looking no further back than `floor`."""
    found = np.zeros(len(start), dtype=np.int8)
    if not len(letters):
        return found
    at = letters.end.searchsorted(start, side="right") - 1
    live = np.arange(len(start))
    place, gap_max = start, _LABEL_GAP_MAX
    for _ in range(_FILLERS_MAX + 1):
        if not len(live):
            break
        near = at >= 0
        near[near] &= letters.start[at[near]] >= floor[live[near]]
        near[near] &= place[near] - letters.end[at[near]] <= gap_max
        near[near] &= _unbroken(chunk.content, letters.end[at[near]], place[near])
        live, at = live[near], at[near]
        code = _codes(chunk.content, letters.at(at))
        further = code == _FILLER
        found[live[~further]] = code[~further]
        live, at = live[further], at[further]
        place, at, gap_max = letters.start[at], at - 1, _FILLER_GAP_MAX
    return found


def _unbroken(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """No separator of a list in the few bytes between."""
    unbroken = np.ones(len(start), dtype=np.bool_)
    for step in range(_LABEL_GAP_MAX):
        place = np.minimum(start + step, end)
        unbroken &= (place == end) | ~_SEPARATES[content[np.minimum(place, len(content) - 1)]]
    return unbroken


_SEPARATES: Final = np.zeros(256, dtype=np.bool_)
_SEPARATES[np.frombuffer(b";,|&+\r\n", dtype=np.uint8)] = True

_FILLER: Final = LABEL_KINDS.index("filler")


def labels_after(chunk: TextChunk, letters: Runs, end: NDArray[np.int64]) -> NDArray[np.int8]:
    """Kind of label at most one byte behind each place in `end`."""
    found = np.zeros(len(end), dtype=np.int8)
    at = letters.start.searchsorted(end)
    near = at < len(letters)
    near[near] &= letters.start[at[near]] - end[near] <= 1
    near[near] &= chunk.row_of(letters.start[at[near]]) == chunk.row_of(end[near] - 1)
    found[near] = _codes(chunk.content, letters.at(at[near]))
    return found
