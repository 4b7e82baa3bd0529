"""Team: who has how much to do and did what, when cases are due, texts for customers."""

from __future__ import annotations

import asyncio
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from tieout.v1 import exception_service_pb2, team_service_pb2
from web.calls import ask
from web.charts import Bar, bars
from web.frame import frame_of, go_to
from web.given import given, period, sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "activity_table", "filled"]

_RULE_ROWS: Final = 3
_ACTS: Final = (
    *("decide", "approve", "reject", "note", "park", "assign", "take_over", "escalate", "undo"),
)
"""Acts with a column of their own; others are counted together."""


async def _show(request: Request) -> Response:
    said = given(request)
    begin, end = period(said, "from", "to")
    report, rules, templates = await asyncio.gather(
        ask(
            request,
            "team",
            "GetTeamReport",
            team_service_pb2.GetTeamReportRequest(perform_time_min=begin, perform_time_end=end),
        ),
        ask(request, "team", "ListDueRules", team_service_pb2.ListDueRulesRequest()),
        ask(request, "team", "ListNoteTemplates", team_service_pb2.ListNoteTemplatesRequest()),
    )
    return frame_of(request).page(
        request,
        "team.html",
        said=said,
        workloads=report.workloads,
        workload_chart=_workload_chart(request, report.workloads),
        activity=activity_table(report.activity),
        act_names=_ACTS,
        rules=rules.rules,
        rules_etag=rules.etag,
        empty_rules=range(len(rules.rules), max(_RULE_ROWS, len(rules.rules) + 2)),
        templates=templates.templates,
        done=said.text("done"),
    )


def _workload_chart(request: Request, workloads: Iterable[Any]) -> Markup:
    frame = frame_of(request)
    counts: dict[str, int] = {}
    for one in workloads:
        counts[one.assignee] = counts.get(one.assignee, 0) + one.case_count
    nobody = frame.say(request, "nobody yet")
    count = frame.display(request).count
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    drawn = [Bar(name or nobody, many, count(many), "1" if name else "4") for name, many in ordered]
    title = frame.say(request, "Exceptions per person")
    return bars(title, ", ".join(f"{bar.label}: {bar.figure}" for bar in drawn), drawn)


def activity_table(activity: Iterable[Any]) -> list[tuple[str, list[int], int]]:
    """Person, acts of each kind with a column, and other acts."""
    by_actor: dict[str, dict[str, int]] = {}
    for one in activity:
        by_actor.setdefault(one.actor, {})[one.act] = one.act_count
    return [
        (
            actor,
            [acts.get(name, 0) for name in _ACTS],
            sum(count for name, count in acts.items() if name not in _ACTS),
        )
        for actor, acts in sorted(by_actor.items())
    ]


async def _save_rules(request: Request) -> Response:
    form = await request.form()
    columns = [form.getlist(name) for name in ("amount_min", "age_days_min", "due_hours")]
    rules = [
        team_service_pb2.DueRule(
            amount_min=_number(amount), age_days_min=_number(age), due_hours=_number(hours)
        )
        for amount, age, hours in zip_longest(*columns, fillvalue="")
        if str(hours).strip()
    ]
    wanted = team_service_pb2.ReplaceDueRulesRequest(rules=rules, etag=str(form.get("etag", "")))
    await ask(request, "team", "ReplaceDueRules", wanted)
    return go_to("/team?done=saved")


def _number(text: Any) -> int:
    """A whole number of a form; what is none becomes one that the service refuses."""
    digits = "".join(str(text).split())
    if not digits:
        return 0
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else -1


async def _save_template(request: Request) -> Response:
    form = await request.form()
    wanted = team_service_pb2.SaveNoteTemplateRequest(
        template=team_service_pb2.NoteTemplate(
            name=str(form.get("name", "")),
            subject=str(form.get("subject", "")),
            body=str(form.get("body", "")),
            etag=str(form.get("etag", "")),
        )
    )
    await ask(request, "team", "SaveNoteTemplate", wanted)
    return go_to("/team?done=saved")


async def _delete_template(request: Request) -> Response:
    form = await sent(request)
    wanted = team_service_pb2.DeleteNoteTemplateRequest(
        name=form.text("name"), etag=form.text("etag")
    )
    await ask(request, "team", "DeleteNoteTemplate", wanted)
    return go_to("/team?done=saved")


async def _letter(request: Request) -> Response:
    """A template filled in with what is known of one exception, to be copied into a letter."""
    said = given(request)
    templates = await ask(
        request, "team", "ListNoteTemplates", team_service_pb2.ListNoteTemplatesRequest()
    )
    case = await ask(
        request,
        "exceptions",
        "GetCase",
        exception_service_pb2.GetCaseRequest(exception_id=said.text("case")),
    )
    words = _words(request, case)
    named = [one for one in templates.templates if one.name == said.text("name")]
    chosen = next(iter([*named, *templates.templates]), None)
    return frame_of(request).page(
        request,
        "letter.html",
        said=said,
        templates=templates.templates,
        chosen=chosen,
        subject=filled(chosen.subject, words) if chosen else "",
        body=filled(chosen.body, words) if chosen else "",
        case=case.case.summary,
        words=words,
    )


def _words(request: Request, case: Any) -> dict[str, str]:
    """What may stand in braces in a template, and what it means here."""
    frame = frame_of(request)
    display = frame.display(request)
    row, payment = case.case.summary, case.payment
    references = [line.reference for line in case.remittance_lines if line.reference]
    return {
        "amount": f"{display.money(row.amount_minor, row.currency_code)} {row.currency_code}",
        "open": f"{display.money(row.undecided_minor, row.currency_code)} {row.currency_code}",
        "payer": payment.payer_name,
        "customer": row.customer_id,
        "value_date": display.date(payment.value_date),
        "bank_text": payment.remittance_text,
        "references": ", ".join(references),
        "me": request.state.identity.display_name or request.state.identity.name,
    }


def filled(text: str, words: dict[str, str]) -> str:
    """`text` with the words in braces; braces around anything else stay."""
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


ROUTES: Final = [
    Route("/team", _show, methods=["GET"]),
    Route("/team/due-rules", _save_rules, methods=["POST"]),
    Route("/team/templates", _save_template, methods=["POST"]),
    Route("/team/templates/delete", _delete_template, methods=["POST"]),
    Route("/team/letter", _letter, methods=["GET"]),
]
"""What answers."""
