"""Personal data in rows: sealed on the way into the store, opened on the way out.

What is personal is one table here. Rows of a payment are sealed by the key of its customer (of the
year), of the payment itself where the customer is not known, and what belongs to no payment by the
key of its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    ApplicationBatch,
    Batch,
    CustomerBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    RemittanceBatch,
)
from store.key_scopes import (
    customer_scope,
    file_scope,
    master_scope,
    payment_scope,
    shared_scope,
)
from store.late_remittances import LateRemittanceBatch
from store.reproposals import ReproposalBatch
from store.sealed_bytes import open_bytes, seal_bytes
from store.sealed_content import OwnedSpan
from store.sealed_text import ERASED, SEAL_MARK, TextSealer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from store.bank_file_records import FileResult
    from store.data_keys import DataKeyStore
    from store.key_scopes import KeyScope

__all__ = ["PERSONAL_COLUMNS", "FileKeys", "PersonalData"]

_B = TypeVar("_B", bound=Batch)


class _Personal(msgspec.Struct, frozen=True):
    """Personal columns of a table, and the columns that tell its rows apart."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


PERSONAL_COLUMNS: Final[dict[type[Batch], _Personal]] = {
    PaymentBatch: _Personal(
        "payment",
        ("payer_name", "payer_account", "remittance_text", "ultimate_payer_name"),
        ("payment_id",),
    ),
    RemittanceBatch: _Personal("remittance_line", ("reference",), ("payment_id", "line_number")),
    ApplicationBatch: _Personal(
        "application", ("explanation", "evidence"), ("payment_id", "open_item_id")
    ),
    ExceptionBatch: _Personal("exception_item", ("message",), ("exception_id",)),
    LateRemittanceBatch: _Personal(
        "late_remittance", ("content_text", "lines", "proposals"), ("payment_id", "effect")
    ),
    ReproposalBatch: _Personal("reproposal", ("proposals",), ("payment_id", "effect")),
    DiagnosticBatch: _Personal("diagnostic", ("message", "value", "excerpt"), ("code",)),
    CustomerBatch: _Personal(
        "customer", ("name", "aliases", "bank_accounts"), ("company_id", "customer_id")
    ),
}
"""What is personal in rows: names, accounts, and text that may hold them."""


_ERASED_AS: Final = {
    "evidence": "",
    "lines": "[]",
    "proposals": "[]",
    "name": "",
    "aliases": "",
    "bank_accounts": "",
}
"""What readers expect where nothing is known: of JSON, and of a customer, whom a word that stands
for what was erased would match with payers who were erased as well.
"""


class FileKeys(msgspec.Struct, frozen=True):
    """Numbers of the keys that seal a file: its own, and those of its payments."""

    file_key: int
    by_payment: dict[str, int]


class PersonalData:
    """Seals and opens rows of one tenant."""

    def __init__(self, keys: DataKeyStore) -> None:
        """Take keys from `keys`."""
        self._keys = keys
        self._sealer = TextSealer(keys)

    @property
    def is_sealing(self) -> bool:
        """Whether what is kept from now on is sealed."""
        return self._keys.is_sealing

    def keys_of_file(
        self, file_id: str, owners: Sequence[tuple[str, str, str]], received_at_ms: int
    ) -> FileKeys:
        """The keys of a file and its payments, made where there are none; in a write block.

        `owners` are payment, company and customer, the last empty where nobody is known.
        """
        own = file_scope(file_id)
        if not self._keys.is_sealing:
            return FileKeys(0, {})
        scopes = {
            payment: customer_scope(company, customer, received_at_ms)
            if customer
            else payment_scope(payment)
            for payment, company, customer in owners
        }
        numbers = self._keys.numbers([own, *scopes.values()], received_at_ms)
        return FileKeys(numbers[own], {payment: numbers[one] for payment, one in scopes.items()})

    def sealed_result(self, result: FileResult, keys: FileKeys) -> FileResult:
        """`result` with its personal columns sealed; itself where nothing is sealed."""
        if not keys.file_key:
            return result
        return msgspec.structs.replace(
            result,
            payments=self.sealed(result.payments, keys),
            remittances=self.sealed(result.remittances, keys),
            applications=self.sealed(result.applications, keys),
            exceptions=self.sealed(result.exceptions, keys),
            diagnostics=self.sealed(result.diagnostics, keys),
        )

    def sealed(self, batch: _B, keys: FileKeys) -> _B:
        """`batch` with its personal columns sealed."""
        personal = PERSONAL_COLUMNS.get(type(batch))
        if personal is None:
            return batch
        numbers = [keys.file_key] * len(batch)
        if "payment_id" in batch.SCHEMA.names:
            owners = batch.strings("payment_id")
            numbers = [keys.by_payment.get(one, keys.file_key) for one in owners]
        return self._sealed_by(batch, numbers)

    def _sealed_by(self, batch: _B, numbers: list[int], *, repeatable: bool = False) -> _B:
        """`batch` sealed, each row by the key of that number: every key is opened once."""
        personal = PERSONAL_COLUMNS[type(batch)]
        many, texts, places = len(personal.columns), *_texts(batch, personal, personal.columns)
        sealed = self._sealer.seal(texts, numbers * many, places, repeatable=repeatable)
        return _replaced(batch, _by_column(sealed, personal.columns))

    def sealed_customers(self, batch: CustomerBatch, now_ms: int) -> CustomerBatch:
        """Customers sealed by their lasting keys; called in a write block.

        The same customer is sealed to the same again, as long as his key stands.
        """
        if not self._keys.is_sealing or not len(batch):
            return batch
        ids = zip(batch.strings("company_id"), batch.strings("customer_id"), strict=True)
        scopes = [master_scope(company, customer) for company, customer in ids]
        found = self._keys.numbers(scopes, now_ms)
        return self._sealed_by(batch, [found[scope] for scope in scopes], repeatable=True)

    def number_of(
        self,
        owner: KeyScope | None,
        concerning: Collection[KeyScope],
        month: KeyScope,
        identity: str,
        now_ms: int,
    ) -> int:
        """The key of something: its owner's; of several owners one of its own; else the month's."""
        if owner is None and concerning:
            return self._keys.shared(shared_scope(month, identity), concerning, now_ms)
        return self.number(owner or month, now_ms)

    def number(self, scope: KeyScope, now_ms: int) -> int:
        """The key of `scope`, made where there is none; 0 where nothing is sealed.

        Called in a write block.
        """
        return self._keys.number(scope, now_ms)

    def sealed_texts(
        self, texts: Sequence[str], number: int, places: Sequence[str]
    ) -> Sequence[str]:
        """Texts that stand in no batch, sealed by the key of that number."""
        return self._sealer.seal(texts, [number] * len(texts), places)

    def opened_texts(self, stored: Sequence[str], places: Sequence[str]) -> Sequence[str]:
        """Texts that stand in no batch; `ERASED` where their key was destroyed."""
        return self._sealer.open(stored, places)

    def sealed_bytes(self, content: bytes, number: int, place: str) -> bytes:
        """An encoded message, sealed by the key of that number."""
        return seal_bytes(content, number, place, self._keys)

    def opened_bytes(self, stored: bytes, place: str) -> bytes | None:
        """An encoded message; None where its key was destroyed."""
        return open_bytes(stored, place, self._keys)

    def opened(self, batch: _B) -> _B:
        """`batch` with its personal columns readable; raises `SealBrokenError`."""
        personal = PERSONAL_COLUMNS.get(type(batch))
        if personal is None or not len(batch):
            return batch
        marked = [name for name in personal.columns if _is_marked(batch.text(name))]
        if not marked:
            return batch
        opened = self._sealer.open(*_texts(batch, personal, marked))
        columns = {}
        for name, values in _by_column(opened, marked).items():
            blank = _ERASED_AS.get(name, ERASED)
            columns[name] = [blank if one == ERASED else one for one in values]
        return _replaced(batch, columns)

    def spans(self, payments: PaymentBatch, keys: FileKeys) -> Iterable[OwnedSpan]:
        """The bytes of each payment in its file, with the key they are sealed by."""
        if not keys.file_key:
            return []
        columns = (
            payments.strings("payment_id"),
            payments.record_batch.column("source_offset").to_pylist(),
            payments.record_batch.column("source_length").to_pylist(),
        )
        return [
            OwnedSpan(offset, offset + length, keys.by_payment.get(payment, keys.file_key))
            for payment, offset, length in zip(*columns, strict=True)
            if offset is not None and length
        ]


def _is_marked(column: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(column, SEAL_MARK)).as_py())


def _texts(batch: Batch, personal: _Personal, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The texts of columns, one column after the other, and the place of each."""
    columns = (batch.record_batch.column(name).to_pylist() for name in personal.key)
    rows = ["/".join(map(str, key)) for key in zip(*columns, strict=True)]
    texts = [text for name in names for text in batch.strings(name)]
    return texts, [f"{personal.table}.{name}/{row}" for name in names for row in rows]


def _by_column(texts: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """What `_texts` laid in a row, column by column."""
    many = len(texts) // len(names)
    return {name: list(texts[at * many : (at + 1) * many]) for at, name in enumerate(names)}


def _replaced(batch: _B, columns: Mapping[str, list[str]]) -> _B:
    rows: Any = batch.record_batch
    for name, values in columns.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values, pa.string()))
    return type(batch).of_distinct(rows)
