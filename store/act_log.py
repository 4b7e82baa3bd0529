"""Acts on cases as they were said, in their order; what people wrote in them is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from desk.acts import Act
from desk.outcomes import Event
from store.case_records import ActRecord
from store.case_texts import opened_json, sealed_json

if TYPE_CHECKING:
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["ActLog", "act_number_of", "effect_of"]

_COLUMNS: Final = ActRecord.__struct_fields__
_TEXTS: Final[dict[str, Any]] = {"act": Act, "events": tuple[Event, ...]}
"""Columns that are JSON, with what people wrote sealed in it."""


class ActLog:
    """The acts of one tenant's cases."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Keep them in `database`, sealed by `personal`."""
        self._database = database
        self._personal = personal

    def select(self, condition: str, *values: Any) -> list[ActRecord]:
        """Acts that meet a condition of SQL, its order behind it."""
        rows = self._database.rows(
            f"SELECT {', '.join(_COLUMNS)} FROM case_act WHERE {condition}",  # noqa: S608 - names of ours
            *values,
        )
        records = []
        for row in rows:
            fields = dict(zip(_COLUMNS, row, strict=True))
            effect = effect_of(fields["case_id"], fields["act_number"])
            for name, kind in _TEXTS.items():
                fields[name] = opened_json(fields[name], _place(name, effect), kind, self._personal)
            records.append(ActRecord(**fields))
        return records

    def add(self, act: ActRecord, effect: str, key: int) -> None:
        """Keep an act, sealed by the key of that number; called in a write block."""
        fields = msgspec.structs.asdict(act)
        for name in _TEXTS:
            fields[name] = sealed_json(
                getattr(act, name), _place(name, effect), key, self._personal
            )
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        self._database.rows(
            f"INSERT INTO case_act (effect, {', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - names of ours
            effect,
            *(fields[name] for name in _COLUMNS),
        )


def act_number_of(effect: str) -> int:
    """The act whose rows have `effect` in common."""
    return int(effect.rpartition("/")[2])


def effect_of(case_id: str, act_number: int) -> str:
    """What the rows of one act have in common."""
    return f"{case_id}/{act_number}"


def _place(name: str, effect: str) -> str:
    return f"case_act.{name}/{effect}"
