"""Topic audit trail: who did what, when and why, out of the leaves of the audit.

A leaf says what was written; the act it belongs to says why. Pages go back in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from store.audit_leaves import AuditLeaf

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["AuditEntry", "AuditTrail", "AuditTrailFilter"]

_NEVER_MS: Final = 1 << 62
_FIRST: Final = 1 << 62
_REASONS: Final = ("reason", "text", "comment", "resolution", "detail")
"""Where acts keep what their author said, in the order of what explains most."""

_leaf_decoder = msgspec.json.Decoder(AuditLeaf)


class AuditTrailFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; what is empty or 0 does not narrow."""

    actor: str = ""
    kind: str = ""
    subject: str = ""
    begin_ms: int = 0
    end_ms: int = 0


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One effect. `act` and `reason` are there for what people did to cases.

    `rows` counts what was written, by table. `block_number` 0: not sealed yet.
    """

    number: int
    kind: str
    subject: str
    actor: str
    recorded_at_ms: int
    act: str = ""
    reason: str = ""
    facts: dict[str, str] = {}
    rows: dict[str, int] = {}
    block_number: int = 0
    block_hash: str = ""


class AuditTrail:
    """What may be asked about the audit by people."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def list_entries(
        self, wanted: AuditTrailFilter, before_number: int, limit: int
    ) -> list[AuditEntry]:
        """At most `limit` entries, the latest first, before a number (0: from the latest)."""
        conditions = ["e.leaf_number < ?", "e.recorded_at_ms >= ?", "e.recorded_at_ms < ?"]
        values: list[Any] = [before_number or _FIRST, wanted.begin_ms, wanted.end_ms or _NEVER_MS]
        for column, value in (
            ("e.actor", wanted.actor),
            ("e.kind", wanted.kind),
            ("l.subject", wanted.subject),
        ):
            if value:
                conditions.append(f"{column} = ?")
                values.append(value)
        found = self._database.rows(
            "SELECT e.leaf_number, l.body FROM audit_entry e "  # noqa: S608 - conditions of ours
            "JOIN audit_leaf l ON l.leaf_number = e.leaf_number "
            f"WHERE {' AND '.join(conditions)} ORDER BY e.leaf_number DESC LIMIT ?",
            *values,
            limit,
        )
        leaves = [(int(number), _leaf_decoder.decode(body)) for number, body in found]
        acts = self._acts(leaves)
        blocks = self._blocks([number for number, _ in leaves])
        return [_entry(number, leaf, acts, blocks) for number, leaf in leaves]

    def kinds(self) -> list[str]:
        """Kinds of effects there are."""
        rows = self._database.rows("SELECT DISTINCT kind FROM audit_entry ORDER BY kind")
        return [row[0] for row in rows]

    def _acts(self, leaves: list[tuple[int, AuditLeaf]]) -> dict[str, dict[str, Any]]:
        """Acts by their effect."""
        effects = sorted({_effect(leaf) for _, leaf in leaves} - {""})
        marks = ", ".join("?" * len(effects)) or "NULL"
        rows = self._database.rows(
            f"SELECT effect, act FROM case_act WHERE effect IN ({marks})",  # noqa: S608 - marks
            *effects,
        )
        return {effect: msgspec.json.decode(act) for effect, act in rows}

    def _blocks(self, numbers: list[int]) -> list[tuple[int, int, str]]:
        """Last leaf, number and hash of the blocks that may hold these leaves."""
        if not numbers:
            return []
        rows = self._database.rows(
            "SELECT last_leaf, block_number, block_hash FROM audit_block WHERE last_leaf >= ? "
            "ORDER BY last_leaf LIMIT ?",
            min(numbers),
            len(numbers),
        )
        return [(int(last), int(number), digest) for last, number, digest in rows]


def _effect(leaf: AuditLeaf) -> str:
    for rows in leaf.rows:
        if rows.selection.table == "case_act":
            return rows.selection.value
    return ""


def _entry(
    number: int,
    leaf: AuditLeaf,
    acts: dict[str, dict[str, Any]],
    blocks: list[tuple[int, int, str]],
) -> AuditEntry:
    act = acts.get(_effect(leaf), {})
    block = next((one for one in blocks if one[0] >= number), (0, 0, ""))
    said = (str(act[name]) for name in _REASONS if act.get(name))
    return AuditEntry(
        number=number,
        kind=leaf.kind,
        subject=leaf.subject,
        actor=leaf.actor,
        recorded_at_ms=leaf.recorded_at_ms,
        act=str(act.get("act", "")),
        reason=next(said, ""),
        facts=leaf.facts,
        rows={one.selection.table: one.row_count for one in leaf.rows if one.row_count},
        block_number=block[1],
        block_hash=block[2],
    )
