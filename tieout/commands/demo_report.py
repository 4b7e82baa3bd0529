"""What `tieout demo` shows: rates beside errors, exceptions in words, three explanations."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path  # noqa: TC003 - msgspec reads the annotation
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich import box
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engine.exception_codes import EXCEPTION_CODES
from tieout.explanation import explain_payment
from tieout.run_directory import RunDirectory
from tieout.run_summary import Rate, Summary  # noqa: TC001 - msgspec reads the annotations
from tieout.worlds.score import Score  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console, RenderableType

    from tieout.explanation import PaymentStory

__all__ = ["DemoResult", "StageSeconds", "print_report"]

_WIDTH: Final = 100
_CODES_SHOWN: Final = 14
_BY_REFERENCE: Final = ("references", "references_net", "remittance_detail", "reference")
_BY_AMOUNT: Final = ("subset_sum", "single_amount_net", "single_amount", "all_but_one", "balance")
_UNDECIDED: Final = ("AMB-SINGLE", "AMB-COMBO", "AMB-AMOUNTS", "PAY-CONFLICT", "REF-CLOSED")
_ITEMS_SHOWN: Final = 4
_PROPOSALS_SHOWN: Final = 3


class StageSeconds(msgspec.Struct, frozen=True):
    """Seconds of one stage and the rows it handled."""

    stage: str
    seconds: float
    rows: int


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the demo has to say; files are in `folder`/world and `folder`/run."""

    folder: Path
    seed: int
    exit_code: int
    companies: list[str]
    table_rows: dict[str, int]
    bank_files: dict[str, int]
    summary: Summary
    stages: list[StageSeconds]
    score: Score


def print_report(result: DemoResult, console: Console) -> None:
    """Print `result` to `console`, at most 100 columns wide."""
    width = min(_WIDTH, console.width)

    def show(part: RenderableType) -> None:
        console.print(part, width=width)

    run = RunDirectory.open(result.folder / "run")
    show(Rule(Text("Tieout demo", style="bold"), align="left"))
    show(_world_text(result))
    show(_section("What was decided without a clerk"))
    show(_rates(result))
    show(_section("What a clerk sees: primary exceptions by code"))
    show(_exceptions(result.summary.primary_exceptions_by_code))
    show(_section("Seconds per stage"))
    show(_stages(result.stages))
    show(_section("Three payments explained"))
    for story in _examples(run):
        show(story)
    show(_section("Where it is, and what to try next"))
    console.print(Text(_next_steps(result, run)), soft_wrap=True)


def _section(title: str) -> RenderableType:
    return Text(f"\n{title}", style="bold")


def _world_text(result: DemoResult) -> Text:
    rows = result.table_rows
    size = sum(result.bank_files.values()) / 1e6
    return Text(
        f"A made-up world (seed {result.seed}): {len(result.companies)} legal entities "
        f"({', '.join(result.companies)}), {rows['customers']:,} customers, "
        f"{rows['open_items']:,} open items, {rows['payments']:,} payments in "
        f"{len(result.bank_files)} bank files ({size:.1f} MB of BAI2, BAI lockbox and camt.053). "
        "The truth of every payment is known, so the result can be scored."
    )


def _percent(rate: Rate) -> str:
    return "–" if rate.rate is None else f"{float(rate.rate):.1%}"


def _plain_table(*columns: tuple[str, str]) -> Table:
    """A table of (heading, justification) columns that reads well without colours."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, side in columns:
        table.add_column(heading, justify="right" if side == "right" else "left")
    return table


def _rates(result: DemoResult) -> Table:
    through, score = result.summary.straight_through, result.score
    table = _plain_table(("measure", "left"), ("", "right"), ("of what", "left"))

    def add(measure: str, share: str, of_what: str) -> None:
        table.add_row(measure, share, of_what)

    by_payment, by_line = through.by_payment, through.by_line
    add("by payment", _percent(by_payment), _ratio(by_payment, "payments decided completely"))
    add("by line", _percent(by_line), _ratio(by_line, "application rows"))
    for currency, rate in sorted(through.by_value.items()):
        add(f"by value, {currency}", _percent(rate), f"{_money(rate)} {currency}")
    wrong = f"{score.wrong_count} of {score.automatic_count:,} automatic payments"
    add("wrong applications", f"{score.wrong_rate:.3%}", f"{wrong}, against the truth")
    add("wrong by value", f"{score.wrong_value_rate:.3%}", "of the cash applied automatically")
    add(
        "not decidable",
        f"{score.undecidable_count / score.payment_count:.1%}",
        f"{score.undecidable_count:,} of {score.payment_count:,} payments were made so that only a "
        "clerk may decide them",
    )
    sound = "every cent accounted for, no item over-applied" if score.is_sound else _unsound(score)
    add("conservation", "yes" if score.is_sound else "NO", sound)
    return table


def _unsound(score: Score) -> str:
    return (
        f"{len(score.unconserved_payments)} payments do not add up, "
        f"{len(score.over_applied_items)} items over-applied, "
        f"{score.missing_payments} payments missing, {score.repeated_keys} doubled"
    )


def _ratio(rate: Rate, noun: str) -> str:
    return f"{int(rate.decided):,} of {int(rate.total):,} {noun}"


def _money(rate: Rate) -> str:
    return f"{float(rate.decided):,.2f} of {float(rate.total):,.2f}"


def _exceptions(codes: dict[str, int]) -> RenderableType:
    table = _plain_table(("code", "left"), ("payments", "right"), ("meaning", "left"))
    ranked = sorted(codes.items(), key=lambda pair: (-pair[1], pair[0]))
    for code, count in ranked[:_CODES_SHOWN]:
        meaning = EXCEPTION_CODES[code].trigger if code in EXCEPTION_CODES else ""
        table.add_row(code, f"{count:,}", meaning)
    rest = ranked[_CODES_SHOWN:]
    if rest:
        names = ", ".join(code for code, _ in rest)
        table.add_row(f"{len(rest)} more", f"{sum(count for _, count in rest):,}", names)
    return table


def _stages(stages: list[StageSeconds]) -> Table:
    table = _plain_table(("stage", "left"), ("seconds", "right"), ("rows", "right"))
    for one in stages:
        rows = f"{one.rows:,}" if one.rows else ""
        table.add_row(one.stage.replace("_", " "), f"{one.seconds:.2f}", rows)
    table.add_row("together", f"{sum(one.seconds for one in stages):.2f}", "")
    return table


def _examples(run: RunDirectory) -> Iterable[RenderableType]:
    """A reference match, an amount-only match, an exception: each the first good one of the run."""
    rows = run.table("applications").to_pylist()
    automatic: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["decision"] == "auto":
            automatic.setdefault(row["payment_id"], []).append(row)
    named = _first(automatic, _BY_REFERENCE, lambda many: 2 <= len(many) <= _ITEMS_SHOWN)
    if named:
        yield _story(explain_payment(run, named), "By its references")
    silent = _first(
        automatic,
        _BY_AMOUNT,
        lambda many: len(many) <= _ITEMS_SHOWN and many[0]["uniqueness"] == "unique_set",
    )
    if silent:
        yield _story(explain_payment(run, silent), "By nothing but its amount")
    primary = [row for row in run.table("exceptions").to_pylist() if row["is_primary"]]
    for code in _UNDECIDED:
        owners = [row["payment_id"] for row in primary if row["code"] == code]
        if owners:
            yield _story(explain_payment(run, owners[0]), "Left to a clerk")
            return


def _first(
    payments: dict[str, list[dict[str, Any]]],
    strategies: tuple[str, ...],
    suits: Callable[[list[dict[str, Any]]], bool],
) -> str:
    """The first payment decided by the earliest of `strategies` whose rows suit; "" for none."""
    for strategy in strategies:
        for payment_id, many in payments.items():
            if many[0]["strategy"] == strategy and suits(many):
                return payment_id
    return ""


def _story(story: PaymentStory, title: str) -> RenderableType:
    payment = story.payment
    text = Text()
    text.append(f"{title}\n", style="bold")
    text.append(
        f"{payment['amount']} {payment['currency']} from "
        f"{payment['payer_name'] or 'a payer without a name'}"
        f"{_said(payment['remittance_text'])}\n"
    )
    text.append(f"payer: {_payer(payment)}\n")
    for line in story.remittance_lines[:_ITEMS_SHOWN]:
        text.append(f"advice: {line['amount'] or '?'} on {line['reference']}\n")
    for row in story.applied:
        text.append(f"→ {row['amount_applied']} on {_document(row)}{_discount(row)}\n")
    if story.applied:
        text.append(f"why: {story.applied[0]['explanation']}\n")
        text.append(f"proof: {_proof(story.applied[0])}\n")
    for exception in story.exceptions[:1]:
        text.append(f"{exception['code']}: {exception['message']}\n")
        text.append(f"missing: {exception['missing_fact']}\n")
        text.append(f"suggested: {exception['suggested_action']}\n")
        for rank, rows in _by_rank(story.proposals)[:_PROPOSALS_SHOWN]:
            parts = " + ".join(f"{row['amount_applied']} on {_document(row)}" for row in rows)
            text.append(f"proposal {rank}: {parts}\n")
    text.append(f"tieout explain RUN {payment['payment_id'][:12]}", style="dim")
    return Padding(text, (1, 0, 0, 2), expand=False)


def _discount(row: dict[str, Any]) -> str:
    return f", discount {row['discount_taken']}" if Decimal(row["discount_taken"] or 0) else ""


def _by_rank(proposals: list[dict[str, Any]]) -> list[tuple[int, list[dict[str, Any]]]]:
    """Proposal rows by their rank, best first."""
    ranks: dict[int, list[dict[str, Any]]] = {}
    for row in proposals:
        ranks.setdefault(row["proposal_rank"], []).append(row)
    return sorted(ranks.items())


def _said(remittance_text: str | None) -> str:
    return f', saying "{" / ".join(remittance_text.split(chr(10)))}"' if remittance_text else ""


def _payer(payment: dict[str, Any]) -> str:
    if not payment["customer_id"]:
        return "not identified"
    words = (payment["identified_by"] or "").replace("_", " ")
    return f"customer {payment['customer_id']}, identified by {words or 'nothing'}"


def _document(row: dict[str, Any]) -> str:
    evidence = row["evidence"] or {}
    return str(evidence.get("document_number") or row["open_item_id"])


def _proof(row: dict[str, Any]) -> str:
    evidence = row["evidence"] or {}
    doubt = evidence.get("doubt_per_million")
    odds = f"{doubt} in a million" if doubt else "below one in a million"
    chance = "" if doubt is None else f"; estimated chance of being wrong {odds}"
    if row["uniqueness"] == "unique_set":
        return f"counted, exactly one set of the payer's open items makes this amount{chance}"
    return f"the payer named the items and they add up, so no other set was searched{chance}"


def _next_steps(result: DemoResult, run: RunDirectory) -> str:
    folder = result.folder
    payments = run.table("exceptions").to_pylist()
    example = next((row["payment_id"] for row in payments if row["payment_id"]), "PAYMENT")
    return (
        f"world  {folder}/world   bank files, open items, customers, the truth\n"
        f"run    {folder}/run     payments, applications, exceptions, summary.json\n\n"
        f"tieout explain {folder}/run {example[:12]}\n"
        f"tieout match {folder}/world/bank/* --open-items {folder}/world/open_items.csv \\\n"
        f"  --customers {folder}/world/customers.csv \\\n"
        f"  --bank-accounts {folder}/world/bank_accounts.csv --out my-run"
    )
