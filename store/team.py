"""Topic team: when cases are due, templates of notes, and who has how much to do."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.money import CURRENCY_EXPONENTS
from store.content_etags import check_etag, content_etag
from store.errors import StaleRowError, TooManyRowsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.database import Database

__all__ = [
    "RULES_MAX",
    "TEMPLATES_MAX",
    "ActorWork",
    "DueRule",
    "NoteTemplate",
    "Team",
    "TeamChanges",
    "Workload",
    "due_rules_etag",
]

RULES_MAX: Final = 50
"""Rules of one tenant: more than anybody could keep in mind."""

TEMPLATES_MAX: Final = 500
"""Templates of one tenant."""

_TEMPLATES: Final = "note_template"
_RULES: Final = "due_rule"
_HOUR_MS: Final = 3_600_000
_OVER: Final = "('posted', 'confirmed', 'posting', 'approved')"

_WORKLOAD: Final = f"""
SELECT c.assignee, c.currency, count(*), sum(c.undecided_minor),
    sum(CASE WHEN c.due_at_ms < ? THEN 1 ELSE 0 END),
    sum(CASE WHEN c.state = 'parked' THEN 1 ELSE 0 END), min(c.raised_at_ms)
FROM exception_case c
WHERE c.state NOT IN {_OVER} AND (c.undecided_minor <> 0 OR c.payment_id = ''
    OR c.state IN ('proposed', 'pending_approval', 'post_failed')) {{companies}}
GROUP BY c.assignee, c.currency ORDER BY c.assignee, c.currency
"""  # noqa: S608 - a constant
_ACTIVITY: Final = """
SELECT a.actor, a.act, a.case_id, a.performed_at_ms
FROM case_act a JOIN exception_case c ON c.case_id = a.case_id
WHERE a.performed_at_ms >= ? AND a.performed_at_ms < ? {companies}
ORDER BY a.row_number
"""
_NEW_CASES: Final = """
SELECT c.row_number, c.currency, c.amount_minor, c.raised_at_ms,
    coalesce(p.value_date, p.booking_date)
FROM exception_case c LEFT JOIN payment p ON p.payment_id = c.payment_id
WHERE c.file_id = ?
"""


class DueRule(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of at least that amount (major units) and age are due so many hours later."""

    amount_min: int = 0
    age_days_min: int = 0
    due_hours: int


class NoteTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One template; `version` 0 is one that is not kept yet."""

    name: str
    subject: str = ""
    body: str = ""
    version: int = 0
    changed_by: str = ""
    changed_at_ms: int = 0


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one person (empty: for nobody yet) in one currency."""

    assignee: str
    currency: str
    case_count: int
    undecided_minor: int
    overdue_count: int
    parked_count: int
    oldest_raised_at_ms: int


class ActorWork(msgspec.Struct, frozen=True, kw_only=True):
    """How often one person did one thing, to how many cases."""

    actor: str
    act: str
    act_count: int
    case_count: int


class Team:
    """What may be asked about a team."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def due_rules(self) -> list[DueRule]:
        """The rules, as they were written."""
        rows = self._database.rows(
            "SELECT amount_min, age_days_min, due_hours FROM due_rule ORDER BY rule_number"
        )
        return [
            DueRule(amount_min=int(amount), age_days_min=int(age), due_hours=int(hours))
            for amount, age, hours in rows
        ]

    def templates(self) -> list[NoteTemplate]:
        """Every template, by name."""
        rows = self._database.rows(
            "SELECT template_name, subject, body, version, changed_by, changed_at_ms "
            "FROM note_template ORDER BY template_name"
        )
        return [
            NoteTemplate(**dict(zip(NoteTemplate.__struct_fields__, row, strict=True)))
            for row in rows
        ]

    def workload(self, companies: Sequence[str] | None, now_ms: int) -> list[Workload]:
        """What waits, by assignee and currency."""
        condition, values = _companies(companies)
        rows = self._database.rows(_WORKLOAD.format(companies=condition), now_ms, *values)
        return [
            Workload(
                assignee=row[0],
                currency=row[1],
                **dict(zip(Workload.__struct_fields__[2:], map(int, row[2:]), strict=True)),
            )
            for row in rows
        ]

    def activity(
        self, companies: Sequence[str] | None, begin_ms: int, end_ms: int
    ) -> list[ActorWork]:
        """Who did what how often in a period, in order of person and act."""
        condition, values = _companies(companies)
        question = _ACTIVITY.format(companies=condition)
        counts: dict[tuple[str, str], int] = {}
        cases: dict[tuple[str, str], set[str]] = {}
        for actor, act, case_id, _ in self._database.rows(question, begin_ms, end_ms, *values):
            key = (actor, msgspec.json.decode(act, type=_Tagged).act)
            counts[key] = counts.get(key, 0) + 1
            cases.setdefault(key, set()).add(case_id)
        return [
            ActorWork(
                actor=actor,
                act=act,
                act_count=counts[actor, act],
                case_count=len(cases[actor, act]),
            )
            for actor, act in sorted(counts)
        ]


class TeamChanges(Team):
    """What a booking may do about a team."""

    def set_due_rules(self, rules: Sequence[DueRule], seen: str = "") -> None:
        """Replace the rules; cases that are there keep their days.

        Raises `TooManyRowsError`, or `StaleRowError` where they are not what was `seen` (empty:
        whichever).
        """
        check_etag(seen, due_rules_etag(self.due_rules()), _RULES, "team")
        if len(rules) > RULES_MAX:
            raise TooManyRowsError.of(_RULES, len(rules), RULES_MAX)
        self._database.change("DELETE FROM due_rule")
        self._database.execute_many(
            "INSERT INTO due_rule (amount_min, age_days_min, due_hours) VALUES (?, ?, ?)",
            [(one.amount_min, one.age_days_min, one.due_hours) for one in rules],
        )

    def save_template(self, template: NoteTemplate, actor: str, now_ms: int) -> NoteTemplate:
        """Keep a template whose version was `template.version` (0: there was none).

        Raises `StaleRowError` or `TooManyRowsError`.
        """
        kept = {one.name: one for one in self.templates()}
        before = kept.get(template.name)
        version = before.version if before else 0
        if template.version != version:
            raise StaleRowError.of(_TEMPLATES, "", template.name, version, 1)
        if before is None and len(kept) >= TEMPLATES_MAX:
            raise TooManyRowsError.of(_TEMPLATES, len(kept) + 1, TEMPLATES_MAX)
        after = msgspec.structs.replace(
            template, version=version + 1, changed_by=actor, changed_at_ms=now_ms
        )
        self.delete_template(template.name)
        self._database.change(
            "INSERT INTO note_template (template_name, subject, body, version, changed_by, "
            "changed_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
            *msgspec.structs.astuple(after),
        )
        return after

    def delete_template(self, name: str, version: int | None = None) -> bool:
        """Forget a template; gives whether there was one.

        Raises `StaleRowError` where it is there with another version than that (None: whichever).
        """
        now = next((one.version for one in self.templates() if one.name == name), None)
        if now is not None and version not in (None, now):
            raise StaleRowError.of(_TEMPLATES, "", name, now, 1)
        return bool(
            self._database.change("DELETE FROM note_template WHERE template_name = ?", name)
        )

    def set_due_times(self, file_id: str) -> None:
        """Give the new cases of a file the days the rules say."""
        rules = self.due_rules()
        if not rules:
            return
        due = []
        for number, currency, amount, raised, value_date in self._database.rows(
            _NEW_CASES, file_id
        ):
            hours = _due_hours(rules, currency, int(amount), int(raised), value_date)
            if hours:
                due.append((int(raised) + hours * _HOUR_MS, number))
        self._database.execute_many(
            "UPDATE exception_case SET due_at_ms = ? WHERE row_number = ?", due
        )


def due_rules_etag(rules: Sequence[DueRule]) -> str:
    """The version of `rules`: what they say, in their order."""
    return content_etag(*rules)


class _Tagged(msgspec.Struct):
    """An act, of which only the name matters."""

    act: str


def _due_hours(
    rules: Sequence[DueRule], currency: str, amount_minor: int, raised_ms: int, value_date: Any
) -> int:
    """The shortest term among the rules that hold; 0 where none does."""
    unit = 10 ** CURRENCY_EXPONENTS.get(currency, 2)
    days = _days_old(value_date, raised_ms)
    terms = [
        rule.due_hours
        for rule in rules
        if abs(amount_minor) >= rule.amount_min * unit and days >= rule.age_days_min
    ]
    return min(terms, default=0)


def _days_old(value_date: Any, raised_ms: int) -> int:
    """Whole days from a value date to the moment a case was raised; 0 where it is not known."""
    if not value_date:
        return 0
    raised_day = raised_ms // (24 * _HOUR_MS)
    return max(0, raised_day - _day_number(str(value_date)))


def _day_number(iso: str) -> int:
    """Days since 1970-01-01 of a date in ISO 8601."""
    return (datetime.date.fromisoformat(iso) - datetime.date(1970, 1, 1)).days


def _companies(companies: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    if companies is None:
        return "", ()
    marks = ", ".join("?" * len(companies)) or "NULL"
    return f"AND c.company_id IN ({marks})", tuple(companies)
