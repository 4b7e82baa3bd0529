"""`tieout explain`: why this, and why not that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.explanation import ItemStory, PaymentStory
    from tieout.record_view import RawRecord
    from tieout.run_directory import RunDirectory
    from tieout.why_not import WhyNot

__all__ = ["explain_command"]

_SHOWN_DATES_AND_PLACES = ("value_date", "method", "bank_account", "company_id", "payer_account")
_SHOWN_REFERENCES = ("bank_reference", "check_number", "end_to_end_id", "customer_reference")
_SHOWN_ALREADY = ("strategy", "uniqueness", "amount_applied", "identified_by", "confidence")
_HELP = """Say why a payment of a run went where it went, or why an item was not chosen.

RUN_DIR is what `tieout match --out` wrote. PAYMENT is a payment_id or its beginning, a bank
reference, a check number, an end-to-end id or a customer reference.

Of a payment that was not decided whole it says how near simple readings came, and what would have
to be otherwise: an item closed, the payer known, a number named, a key of the policy. Each such
condition is tried by the engine on this payment. With --item: what would have it applied there.

\b
Examples:
  tieout explain runs/2026-09-30 3f9a1c
  tieout explain runs/2026-09-30 BK000000001 --item INV-2026-015910
  tieout explain runs/2026-09-30 3f9a1c --bank-file bank/statement.bai

\b
Exit codes:
  0   explained
  2   no payment, or more than one, answers to PAYMENT; --bank-file is another file
  65  RUN_DIR is no run directory
  66  no such directory
"""


@click.command("explain", help=_HELP)
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.argument("payment")
@click.option("--item", help="An open item id or document number: why was it (not) chosen?")
@click.option(
    "--bank-file",
    type=click.Path(path_type=Path),
    help="The file the payment was read from: show its record and where each fact stands.",
)
@click.option("--brief", is_flag=True, help="Leave out what would change it.")
@json_option
def explain_command(
    *,
    run_dir: Path,
    payment: str,
    item: str | None,
    bank_file: Path | None,
    brief: bool,
    as_json: bool,
) -> None:
    """Print the story of one payment."""
    import msgspec

    from tieout.explanation import PaymentNotFoundError, explain_item, explain_payment
    from tieout.record_view import RecordNotFoundError, record_lines
    from tieout.run_directory import RunDirectory
    from tieout.why_not import why_not

    run = RunDirectory.open(run_dir)
    try:
        story = explain_payment(run, payment)
        item_story = None if item is None else explain_item(run, story, item)
        reasons = None if brief else why_not(run, story, item_story)
        record = None if bank_file is None else _record(run, story, bank_file)
    except (PaymentNotFoundError, RecordNotFoundError) as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        told = {"story": story, "item": item_story, "why_not": reasons, "record": record}
        click.echo(msgspec.json.encode(told))
        return
    lines = _payment_lines(story) if item_story is None else _item_lines(story, item_story)
    click.echo("\n".join([*lines, *_why_not_lines(reasons)]))
    if record is not None:
        click.echo("\n".join(["", f"Record in {record.source_file}", *record_lines(record)]))


def _why_not_lines(reasons: WhyNot | None) -> Iterator[str]:
    """How near simple readings came, and what would change the outcome."""
    if reasons is None:
        return
    if reasons.near_misses:
        yield "How near it came"
        yield from (f"  {miss.sentence}" for miss in reasons.near_misses)
    if reasons.accident:
        yield f"  {reasons.accident}"
    if reasons.what_ifs:
        yield "What would change it (each tried on this payment)"
    for one in reasons.what_ifs:
        yield f"  if {one.condition}, it would be applied to {', '.join(one.open_item_ids)}"
    if reasons.remark:
        yield f"  {reasons.remark}"


def _record(run: RunDirectory, story: PaymentStory, bank_file: Path) -> RawRecord:
    """The payment's record in `bank_file`, whose content must be what the run read."""
    from tieout.record_view import open_bank_file, raw_record

    payment = story.payment
    source = open_bank_file(bank_file, payment)
    formats = {given.content_hash: given.format for given in run.summary().inputs}
    references = [row["reference"] for row in story.remittance_lines if row["source"] != "advice"]
    return raw_record(source, payment, formats.get(payment["file_id"], ""), references)


def _payment_lines(story: PaymentStory) -> Iterator[str]:
    payment = story.payment
    yield _headline(payment)
    yield from _facts(payment)
    if payment["customer_id"]:
        paid_by = payment["payer_customer_id"]
        other = f" (paid by {paid_by})" if paid_by and paid_by != payment["customer_id"] else ""
        how = payment["identified_by"] or "evidence of its items"
        confidence = payment["identification_confidence"]
        yield f"Customer {payment['customer_id']}{other}, by {how}, confidence {confidence:.4f}"
    else:
        yield "Customer not known"
    for row in story.remittance_lines:
        yield f"  advises {row['amount'] or 'no amount'} on {row['reference']} ({row['source']})"
    yield from _applications("Applied", story.applied)
    for row in story.reversals:
        yield f"Re-opens {row['amount']} of {row['open_item_id']} ({row['original_payment_id']})"
    for row in story.exceptions:
        yield from _exception(row)
    ranks = sorted({row["proposal_rank"] for row in story.proposals})
    for rank in ranks:
        rows = [row for row in story.proposals if row["proposal_rank"] == rank]
        yield from _applications(f"Proposal {rank}", rows)


def _headline(payment: dict[str, Any]) -> str:
    sender = payment["payer_name"] or "an unnamed payer"
    return (
        f"Payment {payment['payment_id']}: {payment['amount']} {payment['currency']} "
        f"from {sender}, {payment['status']}"
    )


def _facts(payment: dict[str, Any]) -> Iterator[str]:
    names = (*_SHOWN_DATES_AND_PLACES, *_SHOWN_REFERENCES)
    known = [f"{name.replace('_', ' ')} {payment[name]}" for name in names if payment[name]]
    yield f"  {', '.join(known)}"
    place = f" line {payment['source_line']}" if payment["source_line"] is not None else ""
    yield f"  read from {payment['source_file']}{place}"
    for line in (payment["remittance_text"] or "").splitlines():
        yield f"  text  {line}"


def _applications(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        parts = [f"{title}: {row['amount_applied']} on {row['open_item_id']}"]
        parts += [
            f"{name.replace('_', ' ')} {row[name]}"
            for name in ("discount_taken", "deduction_amount", "write_off_amount")
            if row[name].strip("-0.")
        ]
        facts = f"{row['strategy']}, {row['uniqueness']}, confidence {row['confidence']:.4f}"
        yield f"{', '.join(parts)}  ({facts})"
        yield f"  {row['explanation'] or 'no explanation was recorded'}"
        if isinstance(row["evidence"], dict):
            known = (
                f"{name.replace('_', ' ')} {value}"
                for name, value in row["evidence"].items()
                if name not in _SHOWN_ALREADY and str(value).strip("0.")
            )
            yield f"  evidence: {', '.join(known)}"


def _exception(row: dict[str, Any]) -> Iterator[str]:
    yield f"Exception {row['code']}{'' if row['is_primary'] else ' (secondary)'}: {row['message']}"
    if row["missing_fact"]:
        yield f"  missing: {row['missing_fact']}"
    if row["suggested_action"]:
        yield f"  suggested: {row['suggested_action']}"


def _item_lines(story: PaymentStory, item: ItemStory) -> Iterator[str]:
    yield _headline(story.payment)
    facts = item.item
    yield (
        f"Item {item.open_item_id} ({facts['document_type']} {facts['document_number']}, "
        f"customer {facts['customer_id']}, {facts['open_amount']} {facts['currency']} open): "
        f"{item.outcome}"
    )
    for fact in item.facts:
        yield f"  {'-' if fact.against else '+'} {fact.topic}: {fact.sentence}"
