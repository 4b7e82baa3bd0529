"""Errors of the engine, each with a stable reason.

    EngineError
    ├── MoneyError                 MONEY_*: text that is no amount, an unknown currency, too large
    ├── SchemaError                SCHEMA_MISMATCH: a batch without the columns or types promised
    ├── DuplicateKeyError          DUPLICATE_KEY: two rows with one key
    ├── PolicyError                POLICY_*: a rule that contradicts itself or is out of range
    ├── EvidenceError              EVIDENCE_INVALID: a table of outcomes that cannot be one
    └── ConservationError          CONSERVATION: the audit found a cent that moved without a reason

`reason` never changes between releases; the message names value, place and expectation.
"""

from __future__ import annotations

__all__ = [
    "ConservationError",
    "DuplicateKeyError",
    "EngineError",
    "EvidenceError",
    "MoneyError",
    "PolicyError",
    "SchemaError",
]


class EngineError(Exception):
    """Root of every error the engine raises on purpose."""

    reason = "ENGINE"


class MoneyError(EngineError, ValueError):
    """Text that is no amount of its currency, or an amount beyond the limits."""

    reason = "MONEY"


class SchemaError(EngineError, TypeError):
    """A record batch without the columns, types or null rules its batch class promises."""

    reason = "SCHEMA_MISMATCH"


class DuplicateKeyError(EngineError, ValueError):
    """Two rows share a key that must be unique."""

    reason = "DUPLICATE_KEY"


class PolicyError(EngineError, ValueError):
    """A policy that is out of range or contradicts itself."""

    reason = "POLICY_INVALID"


class EvidenceError(EngineError, ValueError):
    """A calibration or precision ledger whose counts cannot be."""

    reason = "EVIDENCE_INVALID"


class ConservationError(EngineError, AssertionError):
    """The independent audit refused a result; nothing of it may be written."""

    reason = "CONSERVATION"
