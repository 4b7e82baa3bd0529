"""Whether a store is whole: the database's own check, migrations, and both equations from rows.

Everything derived is derived again: the balance of each payment from what its file came to, its
postings and moves; the open amount of each item from what the ERP said and what was decided. The
rules share no code with what keeps the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from store.migrations import read_migrations

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["RULES", "Finding", "check_store"]

FINDINGS_MAX: Final = 100
"""Rows told of each rule; more of the same say no more."""

_BUCKETS: Final = (
    "applied",
    "on_account",
    "unapplied",
    "unidentified",
    "suspense",
    "non_ar",
    "refund",
    "returned",
)


class Finding(msgspec.Struct, frozen=True):
    """A rule that does not hold, and for which row."""

    rule: str
    row: str


def _bucket_rule(bucket: str) -> str:
    """Payments whose bucket is not what came with the file plus what was decided since."""
    cash = "coalesce(cash_minor, applied_minor)"
    posted = (
        f"CASE WHEN bucket <> '' THEN {cash} ELSE 0 END"
        if bucket == "applied"
        else f"CASE WHEN bucket = '{bucket}' THEN -{cash} ELSE 0 END"
    )
    return f"""
SELECT b.payment_id FROM payment_balance b
JOIN payment_outcome o ON o.payment_id = b.payment_id
LEFT JOIN (SELECT payment_id, sum({posted}) AS total FROM posting_line GROUP BY payment_id) p
    ON p.payment_id = b.payment_id
LEFT JOIN (SELECT payment_id, sum(CASE WHEN to_bucket = '{bucket}' THEN amount_minor ELSE 0 END
        - CASE WHEN from_bucket = '{bucket}' THEN amount_minor ELSE 0 END) AS total
    FROM cash_move GROUP BY payment_id) m ON m.payment_id = b.payment_id
WHERE b.{bucket}_minor
    <> o.{bucket}_minor + coalesce(p.total, 0) + coalesce(m.total, 0)
"""  # noqa: S608 - names of this module


_ALL_BUCKETS: Final = " + ".join(f"b.{bucket}_minor" for bucket in _BUCKETS)

RULES: Final = {
    "payment: its buckets add up to its amount": f"""
SELECT p.payment_id FROM payment p LEFT JOIN payment_balance b ON b.payment_id = p.payment_id
WHERE p.amount_minor IS DISTINCT FROM ({_ALL_BUCKETS})
    OR p.amount_minor IS DISTINCT FROM b.amount_minor OR p.currency <> b.currency
""",  # noqa: S608 - names of this module
    **{
        f"payment: {bucket} is what its file and decisions made it": _bucket_rule(bucket)
        for bucket in _BUCKETS
    },
    "payment: what is applied is the sum of its postings": """
SELECT b.payment_id FROM payment_balance b LEFT JOIN posting_line p ON p.payment_id = b.payment_id
GROUP BY b.payment_id, b.applied_minor
HAVING b.applied_minor <> coalesce(sum(coalesce(p.cash_minor, p.applied_minor)), 0)
""",
    "open item: what decisions took is the sum of its postings": """
SELECT coalesce(i.company_id, p.company_id) || ' / ' || coalesce(i.open_item_id, p.open_item_id)
FROM open_item i FULL JOIN (
    SELECT company_id, open_item_id, currency, sum(taken_minor) AS total FROM posting_line
    GROUP BY company_id, open_item_id, currency) p
ON p.company_id = i.company_id AND p.open_item_id = i.open_item_id
WHERE coalesce(i.decided_minor, -1) <> coalesce(p.total, 0)
    OR (p.currency IS NOT NULL AND p.currency <> i.currency)
""",
    "open item: open is what the ERP said, less what it has not posted": """
SELECT company_id || ' / ' || open_item_id FROM (
    SELECT company_id, open_item_id, open_minor, erp_minor, consumed_minor,
        erp_minor - baseline_minor AS moved FROM open_item) i
WHERE open_minor <> erp_minor - consumed_minor - CASE
    WHEN consumed_minor > 0 AND moved < 0 THEN
        CASE WHEN moved < -consumed_minor THEN -consumed_minor ELSE moved END
    WHEN consumed_minor < 0 AND moved > 0 THEN
        CASE WHEN moved > -consumed_minor THEN -consumed_minor ELSE moved END
    ELSE 0 END
""",
    "reversal: takes back one posting, the same amounts, once": """
SELECT CAST(r.posting_number AS TEXT) FROM posting_line r LEFT JOIN posting_line p
    ON p.posting_number = r.reverses AND p.kind = 'application'
WHERE r.kind = 'reversal' AND (p.posting_number IS NULL
    OR r.payment_id <> p.payment_id OR r.company_id <> p.company_id
    OR r.open_item_id <> p.open_item_id OR r.currency <> p.currency
    OR r.cash_minor IS DISTINCT FROM -p.cash_minor
    OR r.applied_minor <> -p.applied_minor OR r.discount_minor <> -p.discount_minor
    OR r.deduction_minor <> -p.deduction_minor OR r.write_off_minor <> -p.write_off_minor)
""",
    "posting: each belongs to a set that says who decided it": """
SELECT CAST(p.posting_number AS TEXT) FROM posting_line p
LEFT JOIN posting_set s ON s.set_number = p.set_number WHERE s.set_number IS NULL
""",
    "posting: its payment is kept, in its currency and company": """
SELECT CAST(p.posting_number AS TEXT) FROM posting_line p
LEFT JOIN payment_balance b ON b.payment_id = p.payment_id
WHERE b.payment_id IS NULL OR p.kind <> 'return' AND (b.company_id <> p.company_id
    OR b.currency <> coalesce(nullif(p.cash_currency, ''), p.currency)
    OR (p.cash_minor IS NULL) <> (p.cash_currency = ''))
""",
    "bank file: its totals are those of its payments": """
SELECT t.file_id || ' ' || t.currency FROM currency_total t LEFT JOIN (
    SELECT file_id, currency, count(*) AS many, sum(amount_minor) AS total FROM payment
    GROUP BY file_id, currency) p ON p.file_id = t.file_id AND p.currency = t.currency
WHERE t.payment_count <> coalesce(p.many, 0) OR t.amount_minor <> coalesce(p.total, 0)
""",
    "bank file: every payment has a file and an outcome": """
SELECT p.payment_id FROM payment p LEFT JOIN bank_file f ON f.file_id = p.file_id
LEFT JOIN payment_outcome o ON o.payment_id = p.payment_id
WHERE f.file_id IS NULL OR o.payment_id IS NULL
""",
}
"""Rule → the rows it does not hold for, named by one text."""


def check_store(database: Database) -> tuple[Finding, ...]:
    """Every finding; none where the store is whole.

    Raises `MigrationError` where it was written by other migrations than ours.
    """
    findings = [
        Finding("migrations: all are applied", name) for name in _missing_migrations(database)
    ]
    if findings:
        return tuple(findings)
    with database.reading():
        if database.dialect == "sqlite":
            findings += _sqlite_findings(database)
        for rule, question in RULES.items():
            rows = database.rows(f"{question.strip()} LIMIT {FINDINGS_MAX}")
            findings += [Finding(rule, str(row[0])) for row in rows]
    return tuple(findings)


def _missing_migrations(database: Database) -> list[str]:
    known = dict(database.rows("SELECT number, sha256 FROM migration"))
    return [
        one.name for one in read_migrations(database.dialect) if known.get(one.number) != one.sha256
    ]


def _sqlite_findings(database: Database) -> list[Finding]:
    """What SQLite itself finds: pages, indexes, constraints, references."""
    pages = database.rows(f"PRAGMA integrity_check({FINDINGS_MAX})")
    broken = [Finding("database: pages and indexes", row[0]) for row in pages if row[0] != "ok"]
    lost = database.rows("PRAGMA foreign_key_check")
    return broken + [
        Finding("database: references", f"{row[0]} row {row[1]}") for row in lost[:FINDINGS_MAX]
    ]
