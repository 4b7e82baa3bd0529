"""The whole result is checked again, by the cluster's own arithmetic: both equations.

Nothing of the engine is called here. What is read are the tables as they will be passed on, and the
inputs as they were read; what is compared are exact decimals. What does not pass is no result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as sf

from cluster.errors import AuditError
from cluster.spark_rows import collected
from engine.money import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from cluster.run import Run

__all__ = ["audit_result"]

_BUCKETS: Final = (
    *("on_account_amount", "unapplied_amount", "unidentified_amount", "suspense_amount"),
    *("non_ar_amount", "refund_amount", "returned_amount"),
)
_CLOSES: Final = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")
_SHOWN: Final = 3


def audit_result(run: Run) -> dict[str, int]:
    """Raise `AuditError` unless every payment and every open item balances."""
    tables = {
        name: run.spark.read.parquet((run.work / "result" / name).uri)
        for name in ("payments", "applications", "reversals")
    }
    payments, decided = tables["payments"], tables["applications"].where("decision = 'auto'")
    given = run.table("payments_told").select("payment_id", "amount_minor", "currency")
    items = run.table("open_items").select(
        "company_id", "open_item_id", sf.col("currency").alias("item_currency"), "open_minor"
    )
    counts = {
        "payments": _payments_are_those_given(payments, given),
        "applications": _payments_balance(payments, decided),
    }
    closing = _items_balance(payments, decided, tables["reversals"], items)
    return counts | {"open_items": closing}


def _payments_are_those_given(payments: DataFrame, given: DataFrame) -> int:
    """Every payment that came in stands in the result once, with its amount."""
    ours = payments.select("payment_id", "amount", sf.col("currency").alias("paid_in"))
    both = given.join(ours, "payment_id", "full_outer")
    stated = sf.col("amount_minor").cast("decimal(28,4)") / _scale("currency")
    wrong = both.where(
        sf.col("amount").isNull()
        | sf.col("amount_minor").isNull()
        | (sf.col("currency") != sf.col("paid_in"))
        | (sf.col("amount") != stated)
    )
    _refuse(wrong, "payment_id", "came in with one amount and goes out with another, or not at all")
    twice = payments.groupBy("payment_id").count().where("count > 1")
    _refuse(twice, "payment_id", "stands more than once in the result")
    return payments.count()


def _payments_balance(payments: DataFrame, decided: DataFrame) -> int:
    """Amount = applied + every bucket; applied is the sum of the payment's rows."""
    cash = sf.coalesce("cash_amount", "amount_applied")
    applied = decided.groupBy("payment_id").agg(sf.sum(cash).alias("of_rows"))
    both = payments.join(applied, "payment_id", "left")
    rows = sf.coalesce(sf.col("of_rows"), sf.lit(0))
    total = sf.col("applied_amount")
    for name in _BUCKETS:
        total += sf.col(name)
    _refuse(
        both.where(rows != sf.col("applied_amount")), "payment_id", "is not the sum of its rows"
    )
    _refuse(both.where(total != sf.col("amount")), "payment_id", "is not the sum of its buckets")
    _refuse(
        decided.join(payments, "payment_id", "left_anti"), "payment_id", "is applied, but is none"
    )
    return decided.count()


def _items_balance(
    payments: DataFrame, decided: DataFrame, reversals: DataFrame, items: DataFrame
) -> int:
    """No item is closed further than it was open, in another currency, or past its sign."""
    home = payments.select(
        "payment_id", sf.coalesce("company_id", sf.lit("")).alias("company_id"), "currency"
    )
    closes = sf.col(_CLOSES[0])
    for name in _CLOSES[1:]:
        closes += sf.col(name)
    rows = decided.withColumn("closes", closes).join(home, "payment_id")
    native = sf.coalesce("cash_currency", "currency") == sf.col("currency")
    back = reversals.groupBy("original_payment_id", "open_item_id").agg(
        sf.sum("amount").alias("reopened")
    )
    both = rows.groupBy("payment_id", "company_id", "open_item_id", "currency").agg(
        sf.sum("closes").alias("closes"),
        sf.min(native).alias("native"),
        sf.max(sf.col("cash_amount").isNotNull()).alias("converted"),
    )
    same = (sf.col("payment_id") == sf.col("original_payment_id")) & (
        both["open_item_id"] == back["open_item_id"]
    )
    left = both.join(back, same, "left").drop(back["open_item_id"])
    net = left.withColumn("net", sf.col("closes") - sf.coalesce("reopened", sf.lit(0)))
    by_item = net.groupBy("company_id", "open_item_id").agg(
        sf.sum("net").alias("net"),
        sf.max("currency").alias("last_currency"),
        sf.min("currency").alias("first_currency"),
        sf.max("converted").alias("converted"),
        sf.min("native").alias("native"),
    )
    checked = by_item.join(items, ["company_id", "open_item_id"], "left")
    opened = sf.col("open_minor").cast("decimal(28,4)") / _scale("item_currency")
    plain = ~sf.col("converted")
    strange = plain & (
        (sf.col("first_currency") != sf.col("item_currency"))
        | (sf.col("last_currency") != sf.col("item_currency"))
    )
    beyond = (sf.abs("net") > sf.abs(opened)) | (sf.col("net") * opened < 0)
    missing = sf.col("open_minor").isNull()
    _refuse(checked.where(missing), "open_item_id", "is no open item of the company")
    _refuse(checked.where(beyond), "open_item_id", "is closed further than it was open")
    _refuse(checked.where(strange), "open_item_id", "is paid in another currency, undeclared")
    return by_item.count()


def _scale(currency: str) -> Column:
    """Minor units in a major one of the currency in the column `currency`."""
    names = [sf.lit(value) for pair in CURRENCY_EXPONENTS.items() for value in pair]
    exponent = sf.coalesce(sf.create_map(*names)[sf.col(currency)], sf.lit(2))
    powers = [sf.lit(10**places).cast("decimal(6,0)") for places in range(5)]
    return sf.element_at(sf.array(*powers), exponent + 1)


def _refuse(rows: DataFrame, name: str, problem: str) -> None:
    found = collected(rows.select(name).limit(_SHOWN))[name].to_pylist()
    if found:
        shown = ", ".join(repr(one) for one in found)
        message = f"the audit of the whole failed: {shown} {problem}; nothing was passed on"
        raise AuditError(message)
