"""The rows of one import, chunk by chunk: checked, with what their sender expects to replace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from rpc.conversions import decode_table
from rpc.errors import FieldError
from rpc.etags import version_in
from rpc.row_checks import RowErrors, TableChecker
from rpc.scope import check_company_column
from store.keyed_rows import ANY_VERSION, Key
from tieout.v1 import imports_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.batches import Batch
    from rpc.import_tables import ImportTable

__all__ = ["ImportRows", "read_etag"]


_OWNER: Final = ("company_id", "customer_id")


def _text_at(column: pa.Array | None, at: int) -> str:
    """The text in row `at` of a column, as far as there is one."""
    return "" if column is None else str(column[at].as_py() or "")


def read_etag(text: str) -> int:
    """The version that an etag stands for, `ANY_VERSION` where it is empty; raises `FieldError`."""
    version = version_in(text)
    return ANY_VERSION if version is None else version


class ImportRows:
    """Rows and keys of one import; `finish` tells whether they can be kept."""

    def __init__(self, kind: ImportTable, mode: imports_pb2.ImportMode.ValueType) -> None:
        """No rows yet."""
        self.errors = RowErrors()
        self.rows: Batch = kind.rows.batch_class.empty()
        self.keys: Batch = kind.keys.batch_class.empty()
        self._kind = kind
        self._is_snapshot = mode == imports_pb2.IMPORT_MODE_SNAPSHOT
        self.refused: set[tuple[str, str]] = set()
        """Company and customer of rows whose errors are listed."""
        self._row_count = 0
        self._versions: list[int] = []
        self._row_checks = TableChecker(kind.rows, self.errors)
        self._key_checks = TableChecker(kind.keys, self.errors)

    @property
    def expected_versions(self) -> list[int] | None:
        """What the sender expects to replace, one per row; None: whatever is there."""
        return None if set(self._versions) <= {ANY_VERSION} else self._versions

    @property
    def expected_key_versions(self) -> list[int] | None:
        """What the sender expects to take away, one per key; None: whatever is there."""
        versions = [read_etag(etag) for etag in self.keys.strings("etag")]
        return None if set(versions) <= {ANY_VERSION} else versions

    def add(self, field: str, part: Any) -> None:
        """Add a chunk; raises a `RequestError` where it is none."""
        if field == self._kind.rows.field:
            self._add_rows(getattr(part, field), part.etags)
            return
        if self._is_snapshot:
            message = f"a snapshot has no {field}: what it does not hold is gone"
            raise FieldError(message, field=field)
        self._key_checks.add(decode_table(self._kind.keys, part), part.row_count)

    def finish(self) -> bool:
        """Whether all rows are right; raises `CompanyNotPermittedError` for one out of scope."""
        self.rows = self._row_checks.finish()
        self.keys = self._key_checks.finish()
        if not self.errors.count:
            both = pc.is_in(self.keys.key_strings(), value_set=self.rows.key_strings())
            identity = self._kind.rows.batch_class.KEY[1]
            self._key_checks.refuse_repeated(both, self.keys.text(identity), identity)
        if self.errors.count:
            return False
        for batch in (self.rows, self.keys):
            check_company_column(batch.text("company_id"))
        return True

    def removed(self) -> list[Key]:
        """The keys of rows that are gone."""
        company, identity = self._kind.rows.batch_class.KEY
        return list(zip(self.keys.strings(company), self.keys.strings(identity), strict=True))

    def _add_rows(self, table: Any, etags: Iterable[str]) -> None:
        versions = [read_etag(etag) for etag in etags]
        if versions and self._is_snapshot:
            message = "a snapshot replaces whatever is there: send it without etags"
            raise FieldError(message, field="etags")
        if versions and len(versions) != table.row_count:
            message = f"{len(versions)} etags for {table.row_count} rows; send one per row, or none"
            raise FieldError(message, field="etags")
        columns = decode_table(self._kind.rows, table)
        before = len(self.errors.listed)
        self._row_checks.add(columns, table.row_count)
        for error in self.errors.listed[before:]:
            at = error.row_index - self._row_count
            company, customer = (_text_at(columns.get(name), at) for name in _OWNER)
            self.refused.add((company, customer))
        self._row_count += table.row_count
        self._versions += versions or [ANY_VERSION] * table.row_count
