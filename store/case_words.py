"""Words that cases are found by: what payers, banks and we wrote, cut up and folded.

A store that seals personal data keeps no words of it outside the seal: there a search finds
amounts, references of the bank and customers, but not what the payer wrote.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.personal_data import PERSONAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.batches import Batch, PaymentBatch, RemittanceBatch
    from store.database import Database

__all__ = ["TERMS_MAX", "add_words", "find_rows", "rows_of_payments", "terms_of"]

TERMS_MAX: Final = 8
"""Words of one search; each is looked up by itself."""

_WORD_LENGTH_MIN: Final = 2
_WORD_LENGTH_MAX: Final = 40
_FEW: Final = 2_000
"""So many cases are looked at one by one; beyond, whole lists of rows are compared."""

_ROWS_PER_QUERY: Final = 400
_ROWS: Final = pa.schema([pa.field("row_number", pa.int64())])

_CUSTOMERS_MAX: Final = 200
"""Customers a word may stand for: one that fits more says nothing."""

_PAYMENT_TEXTS: Final = (
    "payer_name",
    "ultimate_payer_name",
    "payer_account",
    "remittance_text",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
_AMOUNT: Final = re.compile(r"[0-9]{1,3}(?:[.,' ]?[0-9]{3})*(?:[.,][0-9]{1,4})?")
_NOT_A_WORD: Final = re.compile(r"[\W_]+")
_LAST: Final = "\U0010ffff"
"""Sorts after every word that begins the same."""

_FOUND: Final = """
SELECT row_number FROM case_word WHERE word >= ? AND word < ?
UNION ALL
SELECT row_number FROM exception_case WHERE case_id = ?
"""
_OF_CUSTOMERS: Final = """
SELECT c.row_number FROM exception_case c JOIN customer k
    ON k.company_id = c.company_id AND k.customer_id = c.customer_id
WHERE (k.company_id, k.customer_id) IN (
    SELECT company_id, customer_id FROM customer
    WHERE (lower(name) LIKE ? OR lower(aliases) LIKE ? OR lower(customer_id) LIKE ?)
    LIMIT ?
)
"""


def add_words(
    database: Database,
    row_of_payment: dict[str, int],
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    *,
    is_sealing: bool,
) -> None:
    """Keep the words of cases' payments and remittances; the dictionary says which row each is."""
    parts = []
    for batch, names in ((payments, _PAYMENT_TEXTS), (remittances, ("reference",))):
        personal = PERSONAL_COLUMNS[type(batch)].columns if is_sealing else ()
        if len(batch):
            rows = pa.array(
                [row_of_payment[one] for one in batch.strings("payment_id")], pa.int64()
            )
            parts += [_words(batch, name, rows) for name in names if name not in personal]
    if len(payments):
        rows = pa.array([row_of_payment[one] for one in payments.strings("payment_id")], pa.int64())
        digits = pc.cast(pc.abs(payments.record_batch["amount_minor"]), pa.string())
        parts.append(pa.table({"word": digits, "row_number": rows}))
    if not parts:
        return
    words = pa.concat_tables(parts).group_by(["word", "row_number"]).aggregate([])
    long_enough = pc.greater_equal(pc.utf8_length(words["word"]), _WORD_LENGTH_MIN)
    words = words.filter(long_enough).sort_by([("word", "ascending"), ("row_number", "ascending")])
    if words.num_rows:
        database.insert_table("case_word", words.select(["word", "row_number"]))


def terms_of(text: str) -> list[str]:
    """The words of what somebody looks for; an amount is one word, its signs left out."""
    terms = []
    for part in text.split():
        if _AMOUNT.fullmatch(part):
            terms.append("".join(filter(str.isdecimal, part)))
        else:
            terms += _NOT_A_WORD.sub(" ", _folded(part)).split()
    kept = [one[:_WORD_LENGTH_MAX] for one in terms if len(one) >= _WORD_LENGTH_MIN]
    return list(dict.fromkeys(kept))[:TERMS_MAX]


def find_rows(database: Database, text: str) -> NDArray[np.int64] | None:
    """Rows of cases that have every word of `text`, each maybe cut short; None: no word is there.

    A word counts as there where the case has it, or its customer has it in name or id. Words that
    few cases have are looked up first; the others are then looked for in those cases alone.
    """
    terms = terms_of(text)
    if not terms:
        return np.zeros(0, dtype=np.int64) if text.strip() else None
    counted = sorted(terms, key=lambda term: _frequency(database, term))
    rows = _rows_of(database, counted[0], text)
    for term in counted[1:]:
        if len(rows) <= _FEW:
            rows = _among(database, rows, term)
        else:
            rows = np.intersect1d(rows, _rows_of(database, term, text), assume_unique=True)
    return rows


def _frequency(database: Database, term: str) -> int:
    """How many cases have a word, counted up to where it no longer matters."""
    ((count,),) = database.rows(
        "SELECT count(*) FROM (SELECT 1 FROM case_word WHERE word >= ? AND word < ? LIMIT ?) AS w",
        term,
        term + _LAST,
        _FEW + 1,
    )
    return int(count)


def _rows_of(database: Database, term: str, text: str) -> NDArray[np.int64]:
    """Rows of the cases that have a word, or whose customer has it."""
    like = f"%{_escaped(term)}%"
    found = database.read_table(_FOUND, _ROWS, term, term + _LAST, text.strip())
    owned = database.rows(_OF_CUSTOMERS, like, like, like, _CUSTOMERS_MAX)
    numbers = [found["row_number"].to_numpy(), np.array([row[0] for row in owned], dtype=np.int64)]
    return np.unique(np.concatenate(numbers))


def _among(database: Database, rows: NDArray[np.int64], term: str) -> NDArray[np.int64]:
    """Those of a few rows that have a word, or whose customer has it."""
    like = f"%{_escaped(term)}%"
    kept: list[int] = []
    for start in range(0, len(rows), _ROWS_PER_QUERY):
        part = rows[start : start + _ROWS_PER_QUERY].tolist()
        marks = ", ".join("?" * len(part))
        found = database.rows(
            "SELECT row_number FROM case_word "  # noqa: S608 - marks alone
            f"WHERE row_number IN ({marks}) AND word >= ? AND word < ? "
            "UNION SELECT c.row_number FROM exception_case c JOIN customer k "
            "ON k.company_id = c.company_id AND k.customer_id = c.customer_id "
            f"WHERE c.row_number IN ({marks}) AND (lower(k.name) LIKE ? "
            "OR lower(k.aliases) LIKE ? OR lower(k.customer_id) LIKE ?)",
            *part,
            term,
            term + _LAST,
            *part,
            like,
            like,
            like,
        )
        kept += [row[0] for row in found]
    return np.unique(np.array(kept, dtype=np.int64))


def _words(batch: Batch, name: str, rows: pa.Array) -> pa.Table:
    """Words of a column, and the row each belongs to."""
    texts: Any = pc.replace_substring(pc.utf8_lower(batch.text(name)), "ß", "ss")
    texts = pc.utf8_normalize(texts, form="NFKD")
    texts = pc.replace_substring_regex(texts, r"\p{M}+", "")
    lists = pc.split_pattern_regex(texts, r"[^\p{L}\p{N}]+")
    words = pc.utf8_slice_codeunits(pc.list_flatten(lists), 0, _WORD_LENGTH_MAX)
    return pa.table({"word": words, "row_number": pc.take(rows, pc.list_parent_indices(lists))})


def _folded(text: str) -> str:
    """As `_words` folds a column."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(one for one in plain if not unicodedata.combining(one))


def _escaped(term: str) -> str:
    """`term` has letters and digits alone, so nothing in it means anything to LIKE."""
    assert term.isalnum() or not _NOT_A_WORD.search(term)  # noqa: S101 - terms are cut so
    return term


def rows_of_payments(database: Database, file_id: str) -> dict[str, int]:
    """Payment → row of its case, of one bank file."""
    found: Sequence[tuple[Any, ...]] = database.rows(
        "SELECT payment_id, row_number FROM exception_case "
        "WHERE file_id = ? AND payment_id <> '' ORDER BY row_number",
        file_id,
    )
    return {payment: int(row) for payment, row in found}
