"""Words that cases are found by: what payers, banks and we wrote, cut up and folded.

A store that seals personal data keeps no words of it outside the seal: there a search finds
amounts, references of the bank and customers, but not what the payer wrote.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from store.personal_data import PERSONAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.batches import Batch, PaymentBatch, RemittanceBatch
    from store.database import Database

__all__ = ["TERMS_MAX", "add_words", "folded_texts", "rows_of_payments", "terms_of"]

TERMS_MAX: Final = 8
"""Words of one search; each is looked up by itself."""

_WORD_LENGTH_MIN: Final = 2
_WORD_LENGTH_MAX: Final = 40
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


def folded_texts(texts: Any) -> Any:
    """A column of text as words are kept: small letters without accents."""
    plain: Any = pc.replace_substring(pc.utf8_lower(texts), "ß", "ss")
    return pc.replace_substring_regex(pc.utf8_normalize(plain, form="NFKD"), r"\p{M}+", "")


def _words(batch: Batch, name: str, rows: pa.Array) -> pa.Table:
    """Words of a column, and the row each belongs to."""
    lists = pc.split_pattern_regex(folded_texts(batch.text(name)), r"[^\p{L}\p{N}]+")
    words = pc.utf8_slice_codeunits(pc.list_flatten(lists), 0, _WORD_LENGTH_MAX)
    return pa.table({"word": words, "row_number": pc.take(rows, pc.list_parent_indices(lists))})


def _folded(text: str) -> str:
    """As `folded_texts` folds a column."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(one for one in plain if not unicodedata.combining(one))


def rows_of_payments(database: Database, file_id: str) -> dict[str, int]:
    """Payment → row of its case, of one bank file."""
    found: Sequence[tuple[Any, ...]] = database.rows(
        "SELECT payment_id, row_number FROM exception_case "
        "WHERE file_id = ? AND payment_id <> '' ORDER BY row_number",
        file_id,
    )
    return {payment: int(row) for payment, row in found}
