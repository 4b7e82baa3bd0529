"""What customers are called, folded and in memory, so that a part of a name finds them.

Names that changed are added behind the old ones; of a customer the last one counts. A store that
seals names can be searched no other way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch
from store.case_words import folded_texts
from store.row_tables import batch_of, quoted_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["CustomerNames"]

_CUSTOMERS_MAX: Final = 5_000
"""Customers a word may stand for: one that fits more says nothing, and takes as long as a page."""

_ACCOUNT_LENGTH_MIN: Final = 6
"""Shorter parts of an account are in too many."""

_RENAMED: Final = (
    f"SELECT {quoted_columns(CustomerBatch)}, change_number FROM customer WHERE change_number > ?"  # noqa: S608 - schema names
)
_SCHEMA: Final = pa.schema([*CustomerBatch.SCHEMA, pa.field("change_number", pa.int64())])


class CustomerNames:
    """Names of one tenant's customers; belongs to one connection."""

    def __init__(self, personal: PersonalData) -> None:
        """Begin with none; `personal` opens what is sealed."""
        self.seen = -1
        self._personal = personal
        self._keys: list[tuple[str, str]] = []
        self._texts: Any = pa.array([], pa.large_string())
        self._accounts: Any = pa.array([], pa.large_string())
        self._place: dict[tuple[str, str], int] = {}

    def refresh(self, database: Database) -> None:
        """Take in what was changed since the last time; in a reading block."""
        rows = database.read_table(_RENAMED, _SCHEMA, self.seen)
        if not rows.num_rows:
            return
        stored = batch_of(CustomerBatch, rows.drop_columns(["change_number"]))
        batch = self._personal.opened(cast("CustomerBatch", stored))
        keys = list(zip(batch.strings("company_id"), batch.strings("customer_id"), strict=True))
        # A line end stands in no term, so nothing is found across two fields.
        texts = pc.binary_join_element_wise(
            *(folded_texts(batch.text(name)) for name in ("name", "aliases", "customer_id")), "\n"
        )
        self._place |= {key: len(self._keys) + at for at, key in enumerate(keys)}
        self._keys += keys
        self._texts = _joined(self._texts, texts)
        self._accounts = _joined(self._accounts, batch.text("bank_accounts"))
        if len(self._keys) > 2 * len(self._place):
            self._forget_old_ones()
        self.seen = int(pc.max(rows["change_number"]).as_py())

    def with_part(self, term: str) -> list[tuple[str, str]]:
        """Customers whose name or id holds `term`; none where too many do."""
        found = self._latest(pc.match_substring(self._texts, term))
        return found if len(found) <= _CUSTOMERS_MAX else []

    def have_part(self, customers: list[tuple[str, str]], term: str) -> NDArray[np.bool_]:
        """Which of `customers` have `term` in name or id."""
        places = pa.array([self._place.get(one) for one in customers], pa.int64())
        found = pc.match_substring(self._texts.take(places), term)
        found = pc.fill_null(found, fill_value=False)
        have: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
        return have

    def alike(self, text: str, account: str) -> list[tuple[str, str]]:
        """Customers whose id, name or aliases hold `text`, or whose accounts hold `account`."""
        folded = folded_texts(pa.array([text]))[0].as_py()
        found = pc.match_substring(self._texts, folded)
        if len(account) >= _ACCOUNT_LENGTH_MIN:
            found = pc.or_(found, pc.match_substring(self._accounts, account))
        return self._latest(found)

    def names(self) -> list[tuple[tuple[str, str], str]]:
        """Every customer and his name, folded."""
        texts = self._texts.to_pylist()
        return [(key, texts[at].partition("\n")[0]) for key, at in self._place.items()]

    def _latest(self, found: Any) -> list[tuple[str, str]]:
        places = np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist()
        return [self._keys[at] for at in places if self._place[self._keys[at]] == at]

    def _forget_old_ones(self) -> None:
        places = sorted(self._place.values())
        self._keys = [self._keys[at] for at in places]
        self._texts = self._texts.take(pa.array(places))
        self._accounts = self._accounts.take(pa.array(places))
        self._place = {key: at for at, key in enumerate(self._keys)}


def _joined(before: Any, added: Any) -> Any:
    added = added.combine_chunks() if isinstance(added, pa.ChunkedArray) else added
    return pa.concat_arrays([before, added.cast(pa.large_string())])
