"""What golden files promise about a parsed file, as JSON."""

from __future__ import annotations


def summary_of(parsed):
    """What a golden file promises: everything a person would check, nothing that is a hash."""
    unwanted = {"payment_id", "file_id", "source_file", "source_format", "company_id"}
    payments = [
        {name: str(value) for name, value in row.items() if name not in unwanted and value}
        for row in parsed.payments.record_batch.to_pylist()
    ]
    owner = {identity: at for at, identity in enumerate(parsed.payments.strings("payment_id"))}
    remittances = [
        {"payment": owner[row["payment_id"]]}
        | {
            name: row[name]
            for name in ("reference", "reference_kind", "amount_minor", "discount_minor")
            if row[name]
        }
        for row in parsed.remittances.record_batch.to_pylist()
    ]
    return {
        "dialect": parsed.dialect,
        "payments": payments,
        "remittances": remittances,
        "counted_rows": parsed.counted_rows,
        "diagnostics": [
            [row["line"], row["code"]] for row in parsed.diagnostics.record_batch.to_pylist()
        ],
        "checks": [
            [row["scope"], row["kind"], row["declared"], row["computed"], row["rule"], row["ok"]]
            for row in parsed.control_checks.record_batch.to_pylist()
        ],
    }
