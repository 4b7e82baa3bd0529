"""TeamService: workload and activity, terms of cases, templates of notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from rpc.answered_once import answered_once, key_of_call
from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.etags import version_in
from store.team import RULES_MAX, DueRule, NoteTemplate, due_rules_etag
from tieout.v1 import team_service_pb2 as contract
from tieout.v1 import team_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from rpc.reading import StoreReader
    from store.repository import Booking, Repository
    from store.team import ActorWork, Workload

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["TeamService"]

_WEEK_MS: Final = 7 * 86_400_000
_NEVER_MS: Final = 1 << 62
_NAME_LENGTH_MAX: Final = 100
_TEXT_LENGTH_MAX: Final = 10_000
_AMOUNT_MAX: Final = 10**15
_HOURS_MAX: Final = 24 * 366


class TeamService(team_service_pb2_grpc.TeamServiceServicer):
    """Answers `tieout.v1.TeamService`."""

    def __init__(self, reader: StoreReader, writer: StoreReader, now_ms: Callable[[], int]) -> None:
        """Ask `reader`, keep through `writer`."""
        self._reader = reader
        self._writer = writer
        self._now_ms = now_ms

    async def GetTeamReport(  # noqa: N802 - the contract's name
        self,
        request: contract.GetTeamReportRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetTeamReportResponse:
        """What waits for whom, and who did what."""
        now_ms = self._now_ms()
        begin_ms = request.perform_time_min.ToMilliseconds() or now_ms - _WEEK_MS
        end_ms = request.perform_time_end.ToMilliseconds() or _NEVER_MS
        caller = current_caller()
        companies = None if caller.companies is None else sorted(caller.companies)

        def ask(store: Repository) -> tuple[list[Workload], list[ActorWork]]:
            with store.reading():
                return (
                    store.team.workload(companies, now_ms),
                    store.team.activity(companies, begin_ms, end_ms),
                )

        workloads, activity = await self._reader.ask(ask)
        return contract.GetTeamReportResponse(
            workloads=[_workload_message(one) for one in workloads],
            activity=[
                contract.ActorWork(
                    actor=one.actor,
                    act=one.act,
                    act_count=one.act_count,
                    case_count=one.case_count,
                )
                for one in activity
            ],
        )

    async def ListDueRules(  # noqa: N802 - the contract's name
        self,
        request: contract.ListDueRulesRequest,  # noqa: ARG002 - it says nothing yet
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListDueRulesResponse:
        """The rules."""
        rules = await self._reader.ask(lambda store: store.team.due_rules())
        return contract.ListDueRulesResponse(
            rules=[_rule_message(one) for one in rules], etag=due_rules_etag(rules)
        )

    async def ReplaceDueRules(  # noqa: N802 - the contract's name
        self,
        request: contract.ReplaceDueRulesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReplaceDueRulesResponse:
        """Other rules."""
        rules = [_rule(one, at) for at, one in enumerate(request.rules)]
        if len(rules) > RULES_MAX:
            message = f"rules has {len(rules)} entries, at most {RULES_MAX} may be"
            raise FieldError(message, field="rules")
        actor, now_ms = current_caller().name, self._now_ms()
        key = key_of_call(request)
        facts = {f"rule {at}": _shown(rule) for at, rule in enumerate(rules, start=1)}
        answer = contract.ReplaceDueRulesResponse(
            rules=[_rule_message(one) for one in rules], etag=due_rules_etag(rules)
        )

        def change(booking: Booking) -> contract.ReplaceDueRulesResponse:
            booking.team.set_due_rules(rules, request.etag)
            booking.audit.record(
                "due_rules", "team", actor=actor, recorded_at_ms=now_ms, facts=facts
            )
            return answer

        return await answered_once(
            self._writer, key, now_ms, contract.ReplaceDueRulesResponse, change
        )

    async def ListNoteTemplates(  # noqa: N802 - the contract's name
        self,
        request: contract.ListNoteTemplatesRequest,  # noqa: ARG002 - it says nothing yet
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListNoteTemplatesResponse:
        """The templates."""
        found = await self._reader.ask(lambda store: store.team.templates())
        return contract.ListNoteTemplatesResponse(templates=[_template_message(o) for o in found])

    async def SaveNoteTemplate(  # noqa: N802 - the contract's name
        self,
        request: contract.SaveNoteTemplateRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.SaveNoteTemplateResponse:
        """Keep a template."""
        template = _template(request.template)
        actor, now_ms = current_caller().name, self._now_ms()
        key = key_of_call(request)

        def change(booking: Booking) -> contract.SaveNoteTemplateResponse:
            kept = booking.team.save_template(template, actor, now_ms)
            return contract.SaveNoteTemplateResponse(template=_template_message(kept))

        return await answered_once(
            self._writer, key, now_ms, contract.SaveNoteTemplateResponse, change
        )

    async def DeleteNoteTemplate(  # noqa: N802 - the contract's name
        self,
        request: contract.DeleteNoteTemplateRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DeleteNoteTemplateResponse:
        """Forget a template."""
        version = version_in(request.etag)
        key = key_of_call(request)

        def change(booking: Booking) -> contract.DeleteNoteTemplateResponse:
            booking.team.delete_template(request.name, version)
            return contract.DeleteNoteTemplateResponse()

        return await answered_once(
            self._writer, key, self._now_ms(), contract.DeleteNoteTemplateResponse, change
        )


def _rule(message: contract.DueRule, at: int) -> DueRule:
    """A rule; raises `FieldError`."""
    ranges = {
        "amount_min": (0, _AMOUNT_MAX),
        "age_days_min": (0, _HOURS_MAX),
        "due_hours": (1, _HOURS_MAX),
    }
    for name, (least, most) in ranges.items():
        value = getattr(message, name)
        if not least <= value <= most:
            text = f"rules[{at}].{name} is {value}, expected {least} to {most}"
            raise FieldError(text, field=f"rules[{at}].{name}", value=str(value))
    return DueRule(
        amount_min=message.amount_min,
        age_days_min=message.age_days_min,
        due_hours=message.due_hours,
    )


def _shown(rule: DueRule) -> str:
    return (
        f"amount from {rule.amount_min}, age from {rule.age_days_min} days: {rule.due_hours} hours"
    )


def _template(message: contract.NoteTemplate) -> NoteTemplate:
    """A template as somebody wrote it; raises `FieldError`."""
    name = message.name.strip()
    if not 0 < len(name) <= _NAME_LENGTH_MAX:
        text = f"template.name has {len(name)} characters, expected 1 to {_NAME_LENGTH_MAX}"
        raise FieldError(text, field="template.name")
    if max(len(message.subject), len(message.body)) > _TEXT_LENGTH_MAX:
        text = f"subject and body of a template have at most {_TEXT_LENGTH_MAX} characters"
        raise FieldError(text, field="template.body")
    return NoteTemplate(
        name=name,
        subject=message.subject.strip(),
        body=message.body,
        version=version_in(message.etag, "template.etag") or 0,
    )


def _template_message(template: NoteTemplate) -> contract.NoteTemplate:
    return contract.NoteTemplate(
        name=template.name,
        subject=template.subject,
        body=template.body,
        etag=str(template.version),
        changed_by=template.changed_by,
        change_time=_time(template.changed_at_ms),
    )


def _rule_message(rule: DueRule) -> contract.DueRule:
    return contract.DueRule(
        amount_min=rule.amount_min, age_days_min=rule.age_days_min, due_hours=rule.due_hours
    )


def _workload_message(load: Workload) -> contract.Workload:
    return contract.Workload(
        assignee=load.assignee,
        currency_code=load.currency,
        case_count=load.case_count,
        undecided_minor=load.undecided_minor,
        overdue_count=load.overdue_count,
        parked_count=load.parked_count,
        oldest_raise_time=_time(load.oldest_raised_at_ms),
    )


def _time(at_ms: int) -> Timestamp:
    moment = Timestamp()
    moment.FromMilliseconds(at_ms)
    return moment
