"""The whole result is checked again, by the cluster's own arithmetic: both equations.

Nothing of the engine is called here. What is read are the tables as they will be passed on, and the
inputs as they were read; what is compared are exact decimals. What does not pass is no result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as sf

from cluster.errors import AuditError
from cluster.read_inputs import given_place
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
_NO_MONEY: Final = "0"

_NOT_GIVEN: Final = "came in with one amount and goes out with another, or not at all"
_TWICE: Final = "stands more than once in the result"
_NOT_PAYMENT: Final = "is applied, but is none"
_NOT_ROWS: Final = "is not the sum of its rows"
_NOT_BUCKETS: Final = "is not the sum of its buckets"
_MISSING: Final = "is no open item of the company"
_BEYOND: Final = "is closed further than it was open"
_STRANGE: Final = "is paid in another currency, undeclared"


def audit_result(run: Run) -> dict[str, int]:
    """Raise `AuditError` unless every payment and every open item balances."""
    tables = {
        name: run.spark.read.parquet((run.folder / "written" / name).uri)
        for name in ("payments", "applications", "reversals")
    }
    payments, decided = tables["payments"], tables["applications"].where("decision = 'auto'")
    given = run.spark.read.parquet(given_place(run.folder, "payments").uri)
    items = run.spark.read.parquet(given_place(run.folder, "open_items").uri).select(
        "company_id", "open_item_id", sf.col("currency").alias("item_currency"), "open_minor"
    )
    found = _counted(_checked_payments(payments, decided, given), "payment_id", "applied_rows")
    closing = _counted(
        _checked_items(payments, decided, tables["reversals"], items), "open_item_id", "one"
    )
    return {"payments": found[0], "applications": found[1], "open_items": closing[0]}


def _checked_payments(payments: DataFrame, decided: DataFrame, given: DataFrame) -> DataFrame:
    """Payments as they came in, as they go out and as they are applied, and what is wrong.

    Every payment that came in stands in the result once, with its amount; the amount is what is
    applied and every bucket; what is applied is the sum of the payment's rows.
    """
    total = sf.col("applied_amount")
    for name in _BUCKETS:
        total += sf.col(name)
    ours = payments.groupBy("payment_id").agg(
        sf.count("*").alias("times"),
        sf.max("amount").alias("amount"),
        sf.max("currency").alias("paid_in"),
        sf.max("applied_amount").alias("applied"),
        sf.max(total).alias("total"),
    )
    cash = sf.coalesce("cash_amount", "amount_applied")
    applied = decided.groupBy("payment_id").agg(
        sf.sum(cash).alias("of_rows"), sf.count("*").alias("applied_rows")
    )
    both = given.join(ours, "payment_id", "full_outer").join(applied, "payment_id", "full_outer")
    stated = sf.col("amount_minor").cast("decimal(28,4)") / _scale("currency")
    same = (sf.col("currency") == sf.col("paid_in")) & (sf.col("amount") == stated)
    of_rows = sf.coalesce(sf.col("of_rows"), sf.lit(_NO_MONEY).cast("decimal(28,4)"))
    problem = (
        sf.when(sf.col("amount").isNull() & sf.col("amount_minor").isNull(), _NOT_PAYMENT)
        .when(_fails(same), _NOT_GIVEN)
        .when(_fails(sf.col("times") == 1), _TWICE)
        .when(_fails(of_rows == sf.col("applied")), _NOT_ROWS)
        .when(_fails(sf.col("total") == sf.col("amount")), _NOT_BUCKETS)
    )
    return both.select("payment_id", "applied_rows", problem.alias("problem"))


def _checked_items(
    payments: DataFrame, decided: DataFrame, reversals: DataFrame, items: DataFrame
) -> DataFrame:
    """Items that are closed, and what is wrong: none is closed further than it was open, in another
    currency, or past its sign.
    """
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
    problem = (
        sf.when(sf.col("open_minor").isNull(), _MISSING)
        .when(_fails(~beyond), _BEYOND)
        .when(_fails(~strange), _STRANGE)
    )
    return checked.select("open_item_id", sf.lit(1).alias("one"), problem.alias("problem"))


def _fails(holds: Column) -> Column:
    """It does not hold, or cannot be said."""
    return ~sf.coalesce(holds, sf.expr("false"))


def _scale(currency: str) -> Column:
    """Minor units in a major one of the currency in the column `currency`."""
    names = [sf.lit(value) for pair in CURRENCY_EXPONENTS.items() for value in pair]
    exponent = sf.coalesce(sf.create_map(*names)[sf.col(currency)], sf.lit(2))
    powers = [sf.lit(10**places).cast("decimal(6,0)") for places in range(5)]
    return sf.element_at(sf.array(*powers), exponent + 1)


def _counted(checked: DataFrame, name: str, further: str) -> tuple[int, int]:
    """Rows that were checked, and the sum of `further`; raises `AuditError` where one has a
    problem.
    """
    by_problem = checked.groupBy("problem").agg(
        sf.count("*").alias("rows"), sf.sum(further).alias("further"), sf.min(name).alias("first")
    )
    found = by_problem.orderBy("problem").toArrow().to_pylist()
    for row in found:
        if row["problem"] is not None:
            more = f" (and {row['rows'] - 1:,} more)" if row["rows"] > 1 else ""
            message = (
                f"the audit of the whole failed: {row['first']!r}{more} {row['problem']}; "
                "nothing was passed on"
            )
            raise AuditError(message)
    return sum(row["rows"] for row in found), sum(row["further"] or 0 for row in found)
