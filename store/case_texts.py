"""What people write about a case, sealed where it stands: within the JSON of acts and cases.

States, amounts and references stay readable: what was decided must be told after a customer was
erased, not what was said of him.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from store.key_scopes import customer_scope, payment_scope
from store.sealed_text import SEAL_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk.cases import Case
    from store.key_scopes import KeyScope
    from store.personal_data import PersonalData

__all__ = ["PERSONAL_FIELDS", "case_scope", "opened_json", "sealed_json"]

_T = TypeVar("_T")

PERSONAL_FIELDS: Final = frozenset({"comment", "detail", "reason", "text", "value"})
"""Fields of acts, events and cases that hold what somebody wrote, or what a fact is about."""

_OF_REASON_CODES: Final = frozenset({"remainder"})
"""Their `reason` is a word of a list, and says what was decided."""

_ESCAPED_MARK: Final = msgspec.json.encode(SEAL_MARK)[1:-1].decode()


def case_scope(case: Case, at_ms: int) -> KeyScope:
    """The key of what is written about a case at that time: its customer's, else its own."""
    if case.customer_id:
        return customer_scope(case.company_id, case.customer_id, at_ms)
    return payment_scope(case.payment_id or case.case_id)


def sealed_json(value: Any, place: str, number: int, personal: PersonalData) -> str:
    """`value` as JSON, its personal fields sealed by the key of that number (0: by none)."""
    encoded = msgspec.json.encode(value).decode()
    if not number and _ESCAPED_MARK not in encoded:
        return encoded
    plain = msgspec.to_builtins(value)
    found = [one for one in _texts(plain, place) if one[0][one[1]]]
    if not found:
        return encoded
    texts = [holder[name] for holder, name, _ in found]
    sealed = personal.sealed_texts(texts, number, [at for _, _, at in found])
    for (holder, name, _), text in zip(found, sealed, strict=True):
        holder[name] = text
    return msgspec.json.encode(plain).decode()


def opened_json(stored: str, place: str, kind: type[_T] | Any, personal: PersonalData) -> _T:
    """What `sealed_json` made, of the type `kind`; erased texts say so."""
    if _ESCAPED_MARK not in stored:
        known: _T = msgspec.json.decode(stored, type=kind)
        return known
    plain = msgspec.json.decode(stored)
    found = [one for one in _texts(plain, place) if one[0][one[1]].startswith(SEAL_MARK)]
    texts = [holder[name] for holder, name, _ in found]
    opened = personal.opened_texts(texts, [at for _, _, at in found])
    for (holder, name, _), text in zip(found, opened, strict=True):
        holder[name] = text
    value: _T = msgspec.convert(plain, type=kind)
    return value


def _texts(value: Any, place: str, within: str = "") -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every personal field below `value`: what holds it, its name, its place."""
    if isinstance(value, dict):
        for name, one in value.items():
            at = f"{place}/{name}"
            if isinstance(one, str):
                if name in PERSONAL_FIELDS and within not in _OF_REASON_CODES:
                    yield value, name, at
            else:
                yield from _texts(one, at, name)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _texts(one, f"{place}/{number}", within)
