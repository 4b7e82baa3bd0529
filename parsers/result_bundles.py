"""The result of a run, as `tieout match` or a cluster wrote it, read back into batches.

A bundle is a manifest and the Parquet files it names, each with its rows, size and SHA-256. The
manifest's own hash stands for the whole. Everything is checked against it before a row is believed.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from engine.batches import (
    ApplicationBatch,
    Batch,
    ControlCheckBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)
from engine.errors import EngineError
from engine.limits import DECIMAL_SCALE
from parsers.errors import BundleError
from parsers.result_columns import (
    APPLICATIONS,
    CURRENCY_OF_AMOUNT,
    EXCEPTIONS,
    PAYMENT_FURTHER,
    PAYMENT_OUTCOME,
    PAYMENT_SOURCE,
    REMITTANCE_LINES,
    REVERSALS,
    Columns,
    RunTables,
    exponents_of_currencies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    CurrencyOf = Callable[[list[tuple[str, str]]], dict[tuple[str, str], str]]

__all__ = ["Manifest", "ManifestFile", "read_manifest", "read_result_bundle"]

_B = TypeVar("_B", bound=Batch)

_FORMAT: Final = 1
_HOLDING: Final = ("IN-FORMAT", "IN-TOTAL", "IN-SEQ", "IN-SIGN", "IN-DATE", "IN-CCY")
_BUCKETS: Final = tuple(name for name, _, is_amount in PAYMENT_OUTCOME if is_amount)


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True):
    """One part of one table."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a result is made of. `run` is the hash of all it depends on; `sums` are exact decimals
    by currency and column of payments; `exceptions` are primary ones by code; `decided` is what of
    the cash of receivables was decided, and its total, by currency (minor units; empty: not said).
    """

    format: int = _FORMAT
    run: str
    tieout: str
    as_of: str | None
    rows: dict[str, int]
    sums: dict[str, dict[str, str]]
    exceptions: dict[str, int]
    decided: dict[str, tuple[int, int]] = {}
    files: tuple[ManifestFile, ...]


def read_manifest(content: bytes, sha256: str) -> Manifest:
    """The manifest in `content`, whose hash is `sha256`; raises `BundleError`."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        message = f"manifest.json has the SHA-256 {found}, the caller says {sha256}"
        raise BundleError(message)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        message = f"manifest.json is no manifest of a result: {error}"
        raise BundleError(message) from None
    if manifest.format != _FORMAT:
        message = f"manifest.json has format {manifest.format}, this release reads {_FORMAT}"
        raise BundleError(message)
    return manifest


def read_result_bundle(
    manifest: Manifest, files: Mapping[str, bytes], currency_of: CurrencyOf
) -> RunTables:
    """The batches of `files` (path → content) that `manifest` names; raises `BundleError`.

    `currency_of` gives the currencies of items (company, id) that were paid in another one.
    """
    tables = _checked(manifest, files)
    try:
        bundle = _batches(tables, currency_of)
    except (EngineError, pa.ArrowException, KeyError) as error:
        message = f"the tables of the result cannot be read: {error}"
        raise BundleError(message) from error
    _check_sums(manifest, tables["payments"])
    return bundle


def _checked(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, pa.Table]:
    """The tables, whole; every file is what the manifest says of it."""
    named = {one.path: one for one in manifest.files}
    for path in sorted(files.keys() ^ named.keys()):
        where = "was not sent" if path in named else "is not in the manifest"
        message = f"{path} {where}"
        raise BundleError(message)
    parts: dict[str, list[pa.Table]] = {}
    for path, one in sorted(named.items()):
        content = files[path]
        found = hashlib.sha256(content).hexdigest()
        if len(content) != one.bytes or found != one.sha256:
            message = f"{path} has {len(content)} bytes and the SHA-256 {found}, the manifest says "
            message += f"{one.bytes} bytes and {one.sha256}"
            raise BundleError(message)
        try:
            table = pyarrow.parquet.read_table(pa.BufferReader(content))
        except pa.ArrowException as error:
            message = f"{path} is no Parquet file: {error}"
            raise BundleError(message) from error
        if table.num_rows != one.rows:
            message = f"{path} has {table.num_rows} rows, the manifest says {one.rows}"
            raise BundleError(message)
        parts.setdefault(one.table, []).append(table)
    if "payments" not in parts:
        message = "the result has no table of payments"
        raise BundleError(message)
    return {name: pa.concat_tables(found).combine_chunks() for name, found in parts.items()}


def _check_sums(manifest: Manifest, payments: pa.Table) -> None:
    """What the manifest says of the money is what the payments hold, column by column."""
    names = ("amount", *_BUCKETS)
    sums = payments.group_by("currency").aggregate([(name, "sum") for name in names])
    held = {
        row["currency"] or "": {name: row[f"{name}_sum"] or Decimal(0) for name in names}
        for row in sums.to_pylist()
    }
    for currency in sorted(held.keys() | manifest.sums.keys()):
        told = manifest.sums.get(currency, {})
        for name in names:
            found = held.get(currency, {}).get(name, Decimal(0))
            if Decimal(told.get(name, "0")) != found:
                message = f"{currency} {name}: the manifest says {told.get(name, '0')}, the "
                message += f"payments hold {found}"
                raise BundleError(message)


def _batches(tables: Mapping[str, pa.Table], currency_of: CurrencyOf) -> RunTables:
    told = tables["payments"]
    order = pc.sort_indices(told, [("payment_id", "ascending")])
    told = told.take(order)
    currency = _text(told, "currency")
    money = exponents_of_currencies(currency)
    payments = _columns(told, PAYMENT_SOURCE + PAYMENT_FURTHER, money)
    exceptions = _exceptions(tables.get("exceptions"), told, money)
    payments["intake_codes"] = _held(payments["payment_id"], exceptions)
    outcomes = _columns(told, PAYMENT_OUTCOME, money)
    for name in ("payment_id", "company_id"):
        outcomes[name] = payments[name]
    outcomes["currency"] = currency
    lines = tables.get("remittance_lines")
    reversals = tables.get("reversals")
    return RunTables(
        payments=PaymentBatch.from_columns(_known(PaymentBatch, payments)),
        outcomes=PaymentOutcomeBatch.from_columns(_known(PaymentOutcomeBatch, outcomes)),
        remittances=RemittanceBatch.empty()
        if lines is None
        else RemittanceBatch.from_columns(
            _columns(lines, REMITTANCE_LINES, exponents_of_currencies(_text(lines, "currency"))),
            lines.num_rows,
        ),
        applications=_applications(tables.get("applications"), told, currency_of),
        reversals=ReversalBatch.empty() if reversals is None else _reversals(reversals, told),
        exceptions=exceptions,
        control_checks=_plain(ControlCheckBatch, tables.get("control_checks")),
        diagnostics=_plain(DiagnosticBatch, tables.get("diagnostics")),
    )


def _applications(
    table: pa.Table | None, payments: pa.Table, currency_of: CurrencyOf
) -> ApplicationBatch:
    if table is None:
        return ApplicationBatch.empty()
    currency = _of_payment(table, payments, "currency")
    foreign = pc.not_equal(_text(table, "cash_currency"), "")
    if pc.any(foreign).as_py():
        company = _of_payment(table, payments, "company_id")
        keys = list(zip(company.to_pylist(), _text(table, "open_item_id").to_pylist(), strict=True))
        known = currency_of(
            [key for key, is_foreign in zip(keys, foreign.to_pylist(), strict=True) if is_foreign]
        )
        own = pa.array([known.get(key, "") for key in keys], pa.string())
        currency = pc.if_else(pc.and_(foreign, pc.not_equal(own, "")), own, currency)
    columns = _columns(table, APPLICATIONS, exponents_of_currencies(currency))
    columns["cash_minor"] = pc.if_else(foreign, columns["cash_minor"], pa.scalar(None, pa.int64()))
    return ApplicationBatch.from_columns(columns | {"currency": currency}, table.num_rows)


def _reversals(table: pa.Table, payments: pa.Table) -> ReversalBatch:
    currency = _of_payment(table, payments, "currency")
    columns = _columns(table, REVERSALS, exponents_of_currencies(currency))
    return ReversalBatch.from_columns(columns | {"currency": currency}, table.num_rows)


def _exceptions(
    table: pa.Table | None, payments: pa.Table, money: NDArray[np.int64]
) -> ExceptionBatch:
    del money
    if table is None:
        return ExceptionBatch.empty()
    currency = _of_payment(table, payments, "currency")
    columns = _columns(table, EXCEPTIONS, exponents_of_currencies(currency))
    return ExceptionBatch.from_columns(columns | {"currency": currency}, table.num_rows)


def _held(payment_ids: pa.Array, exceptions: ExceptionBatch) -> list[str]:
    """What stands in the way of believing each payment's amount, as its intake said."""
    rows = exceptions.record_batch
    codes: dict[str, list[str]] = {}
    of_holding = pc.is_in(rows["code"], value_set=pa.array(_HOLDING))
    held = rows.filter(of_holding)
    names = (held["payment_id"].to_pylist(), held["code"].to_pylist())
    for payment, code in zip(*names, strict=True):
        codes.setdefault(payment, []).append(code)
    return [";".join(codes.get(one, ())) for one in payment_ids.to_pylist()]


def _of_payment(table: pa.Table, payments: pa.Table, name: str) -> pa.Array:
    """Column `name` of the payment each row of `table` is of; empty where it is of none."""
    ids = _text(table, "payment_id")
    at = pc.index_in(ids, value_set=_text(payments, "payment_id"))
    return pc.fill_null(_text(payments, name).take(at), "")


def _columns(table: pa.Table, spec: Columns, exponents: NDArray[np.int64]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, source, is_amount in spec:
        if not is_amount:
            column = table[name].combine_chunks()
            is_text = pa.types.is_string(column.type) or pa.types.is_null(column.type)
            found[source] = _text(table, name) if is_text else column
            continue
        places = exponents
        if name in CURRENCY_OF_AMOUNT:
            places = exponents_of_currencies(_text(table, CURRENCY_OF_AMOUNT[name]))
        found[source] = _minor(table, name, places)
    return found


def _minor(table: pa.Table, name: str, exponents: NDArray[np.int64]) -> pa.Array:
    """Minor units of a column of decimals; raises `BundleError` where one has too many places."""
    column = table[name].cast(pa.decimal128(18, DECIMAL_SCALE)).combine_chunks()
    if not len(column):
        return pa.array([], pa.int64())
    filled = pc.fill_null(column, Decimal(0))
    words = np.frombuffer(filled.buffers()[1], dtype=np.int64)
    scaled = words[2 * filled.offset : 2 * (filled.offset + len(filled)) : 2]
    minor, rest = np.divmod(scaled, 10 ** (DECIMAL_SCALE - exponents))
    if rest.any():
        row = int(np.flatnonzero(rest)[0])
        message = f"{name}, row {row}: {column[row]} has more decimal places than its currency"
        raise BundleError(message)
    return pa.array(minor, pa.int64(), mask=column.is_null().to_numpy(zero_copy_only=False))


def _text(table: pa.Table, name: str) -> pa.Array:
    return pc.fill_null(table[name].cast(pa.string()).combine_chunks(), "")


def _known(kind: type[Batch], columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: columns[name] for name in kind.SCHEMA.names if name in columns}


def _plain(kind: type[_B], table: pa.Table | None) -> _B:
    if table is None:
        return kind.empty()
    columns = {
        field.name: _text(table, field.name)
        if pa.types.is_string(field.type)
        else table[field.name].combine_chunks()
        for field in kind.SCHEMA
    }
    return kind.from_columns(columns, table.num_rows)
