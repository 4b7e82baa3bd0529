"""The table of diagnostic codes: severity, title and remedy of everything a reader may report.

Codes are stable: `FORMAT-TOPIC` in capitals. They stand in `diagnostic_codes.toml`; the section of
each code in `docs/diagnostics.md` is generated from that table.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

import msgspec

__all__ = ["DIAGNOSTIC_CODES", "DiagnosticCode"]


class DiagnosticCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of diagnostic. `severity` says whether rows were lost (`error`) or only doubted."""

    severity: Literal["error", "warning", "note"]
    title: str
    remedy: str


def _load() -> dict[str, DiagnosticCode]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, DiagnosticCode])


DIAGNOSTIC_CODES: Final[dict[str, DiagnosticCode]] = _load()
"""Code → what it means, in alphabetical order."""
