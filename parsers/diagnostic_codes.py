"""The table of diagnostic codes: severity, title and remedy of everything a reader may report.

Codes are stable: `FORMAT-TOPIC` in capitals. The page of each code in `docs/diagnostics.md` is
generated from this table.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = ["DIAGNOSTIC_CODES", "DiagnosticCode"]


class DiagnosticCode(msgspec.Struct, frozen=True):
    """One kind of diagnostic. `severity` says whether rows were lost (`error`) or only doubted."""

    severity: Literal["error", "warning", "note"]
    title: str
    remedy: str


DIAGNOSTIC_CODES: Final[dict[str, DiagnosticCode]] = {
    "BAI-ADDENDA": DiagnosticCode(
        "warning",
        "An amount in addenda cannot be read",
        "The remittance line is kept without that amount; see the addenda in the file.",
    ),
    "BAI-AMOUNT": DiagnosticCode(
        "error",
        "The amount of a row is no number",
        "Ask the bank for the row; it is no payment here and the file is held.",
    ),
    "BAI-AMOUNT-LIMIT": DiagnosticCode(
        "error",
        "The amount of a row is larger than any amount handled",
        "Check the row with the bank; it is no payment here and the file is held.",
    ),
    "BAI-AMOUNT-POINT": DiagnosticCode(
        "note",
        "An amount has a decimal point, which BAI2 does not use",
        "It is read as major units; where the bank means minor units, tell it so.",
    ),
    "BAI-AMOUNT-SIGN": DiagnosticCode(
        "warning",
        "An amount has a sign, which BAI2 allows for balances only",
        "Check a negative credit with the bank; it is held.",
    ),
    "BAI-CURRENCY": DiagnosticCode(
        "error",
        "A currency is no ISO 4217 code",
        "Payments of the account are read in the currency named and held; ask the bank.",
    ),
    "BAI-DATE": DiagnosticCode(
        "warning",
        "A date or time cannot be read",
        "A value date falls back to the as-of date; without an as-of date payments are held.",
    ),
    "BAI-ENCODING": DiagnosticCode(
        "note",
        "Text is not UTF-8",
        "It is read as Latin-1; check names with letters beyond A-Z.",
    ),
    "BAI-EXTRA-FIELD": DiagnosticCode(
        "note",
        "A row has an empty field before its type code",
        "The fields are read one place later; nothing to do where the amounts foot.",
    ),
    "BAI-FUNDS": DiagnosticCode(
        "warning",
        "The funds type of a row does not have its parts",
        "References are read from the fields that follow; check them against the file.",
    ),
    "BAI-HEADER": DiagnosticCode(
        "warning",
        "The file header is short or of an unknown version",
        "The file is read as version 2; compare its totals with the bank's report.",
    ),
    "BAI-ITEMS": DiagnosticCode(
        "warning",
        "Items do not add up to their deposit",
        "The deposit is the payment, its items are only counted; ask the bank for what is missing.",
    ),
    "BAI-ORDER": DiagnosticCode(
        "error",
        "A record stands outside the records it belongs to",
        "A header or trailer is missing or damaged; ask the bank to send the file again.",
    ),
    "BAI-RECORD": DiagnosticCode(
        "error",
        "A record has an unknown code",
        "The line is not read; ask the bank what it means.",
    ),
    "BAI-REPEATED": DiagnosticCode(
        "warning",
        "A file with the same identity stands in the stream before",
        "Its payments are held; delete the copy or release them where they are new.",
    ),
    "BAI-STATUS": DiagnosticCode(
        "warning",
        "A group is a deletion, a correction or a test",
        "Its payments are held: compare a correction with what it replaces; test data is never "
        "applied.",
    ),
    "BAI-SUMMARY": DiagnosticCode(
        "warning",
        "The summary of an account cannot be read to its end or differs from its rows",
        "Compare the account's totals with its rows.",
    ),
    "BAI-SUMMARY-ROW": DiagnosticCode(
        "warning",
        "A row has the type code of a total",
        "It may count the same money twice; it is held.",
    ),
    "BAI-TAG": DiagnosticCode(
        "note",
        "A record code is not followed by a comma",
        "The record is read all the same.",
    ),
    "BAI-TRAILER": DiagnosticCode(
        "error",
        "A trailer is missing",
        "Ask the bank to send the file again; what was read is kept and nothing of it is applied.",
    ),
    "BAI-TYPE": DiagnosticCode(
        "error",
        "The type code of a row is no number",
        "Ask the bank for the row; it is no payment here.",
    ),
    "BAI-WRAPPED": DiagnosticCode(
        "note",
        "A record goes on on the next line without an 88",
        "It is read as one record.",
    ),
    "CAMT-ACCOUNT": DiagnosticCode(
        "warning",
        "A statement does not name our account",
        "Ask the bank to name the account; its company follows from the evidence alone.",
    ),
    "CAMT-AMOUNT": DiagnosticCode(
        "error",
        "A booked entry has no readable amount, currency or direction",
        "Compare the entry with the bank's statement; it is no payment here and nothing of the "
        "file is applied automatically.",
    ),
    "CAMT-BATCH": DiagnosticCode(
        "warning",
        "A booked sum cannot be split into its details",
        "Ask the bank for the details (camt.054) or apply the sum by hand.",
    ),
    "CAMT-CHECKDIGIT": DiagnosticCode(
        "note",
        "The check digit of a creditor reference fails",
        "The payer may have mistyped it; compare it with the open items.",
    ),
    "CAMT-CONTROL": DiagnosticCode(
        "warning",
        "The file holds control characters that XML forbids",
        "Ask the sender to remove them; they are read as blanks.",
    ),
    "CAMT-COPY": DiagnosticCode(
        "warning",
        "A statement is marked as a copy or duplicate",
        "Its payments are held; release them where the original never came.",
    ),
    "CAMT-DATE": DiagnosticCode(
        "warning",
        "A date cannot be read",
        "The date is left empty; ask the bank which day is meant.",
    ),
    "CAMT-DTD": DiagnosticCode(
        "warning",
        "The file declares a document type",
        "No bank needs one: find out where the file came from.",
    ),
    "CAMT-EMPTY": DiagnosticCode(
        "note",
        "The message holds no statement",
        "Nothing to do where the bank announces an empty period.",
    ),
    "CAMT-ENCODING": DiagnosticCode(
        "warning",
        "The file does not start or is not encoded as it declares",
        "Names and texts were read as well as they go; ask the sender to declare the encoding.",
    ),
    "CAMT-PAGING": DiagnosticCode(
        "warning",
        "A page of a statement is missing",
        "Look for the file with the next page.",
    ),
    "CAMT-REMITTANCE": DiagnosticCode(
        "note",
        "An amount of a remittance line cannot be used",
        "The line is kept without it.",
    ),
    "CAMT-REPEATED": DiagnosticCode(
        "warning",
        "The identity of a statement stands twice in the file",
        "Compare the two statements; equal ones count once.",
    ),
    "CAMT-SEQUENCE": DiagnosticCode(
        "warning",
        "Statements are missing between two of the file",
        "Ask the bank for the statements of the missing numbers.",
    ),
    "CAMT-SIGN": DiagnosticCode(
        "warning",
        "An amount carries a sign",
        "The payment is held; compare it with the bank's statement.",
    ),
    "CAMT-STATUS": DiagnosticCode(
        "warning",
        "An entry has a status of the bank's own",
        "Find out whether the bank means booked; the entry is counted, not taken as money.",
    ),
    "CAMT-STATUS-ABSENT": DiagnosticCode(
        "note",
        "Entries have no status",
        "They are taken as booked; the balance check tells where that is wrong.",
    ),
    "FILE-TRUNCATED": DiagnosticCode(
        "error",
        "The file ends before its trailer",
        "Ask the bank to send the file again; what was read is kept and nothing of it is applied.",
    ),
    "FILE-TOTAL": DiagnosticCode(
        "error",
        "A control total does not foot",
        "Compare the declared with the computed total and ask the bank which rows are missing.",
    ),
    "FILE-COUNT": DiagnosticCode(
        "warning",
        "A record count differs from the declared one",
        "Check that no line was lost on the way; amounts were checked separately.",
    ),
    "LBX-AMOUNT": DiagnosticCode(
        "error",
        "An amount of a lockbox record is no number",
        "Compare the record with the check image; a check without amount is no payment here.",
    ),
    "LBX-DATE": DiagnosticCode(
        "warning",
        "A date of a lockbox record cannot be read",
        "Checks without a deposit date are held.",
    ),
    "LBX-DUPLICATE": DiagnosticCode(
        "warning",
        "A batch, item or overflow number stands twice",
        "Compare the two records with the check images; both are kept.",
    ),
    "LBX-LAYOUT": DiagnosticCode(
        "warning",
        "The layout named for this lockbox is unknown",
        "Name one of the layouts in the documentation; the best fitting one was used.",
    ),
    "LBX-NUMBER": DiagnosticCode(
        "warning",
        "A trailer names another lockbox or batch than its header",
        "Check that no header or trailer was lost.",
    ),
    "LBX-ORDER": DiagnosticCode(
        "error",
        "A lockbox record stands outside the records it belongs to",
        "A header, check or trailer is missing or damaged; ask the bank to send the file again.",
    ),
    "LBX-OVERFLOW": DiagnosticCode(
        "warning",
        "The overflow records of a check are not complete",
        "Invoices of this check may be missing; see the check image.",
    ),
    "LBX-RECORD": DiagnosticCode(
        "error",
        "A lockbox record has an unknown type or is too short",
        "The line is not read; ask the bank what it means.",
    ),
    "LBX-TRAILER": DiagnosticCode(
        "error",
        "A lockbox trailer is missing",
        "Ask the bank to send the file again; what was read is kept and nothing of it is applied.",
    ),
}
"""Code → what it means. Sorted by format, then by topic."""
