"""The table of diagnostic codes: severity, title and remedy of everything a reader may report.

Codes are stable: `FORMAT-TOPIC` in capitals. They stand in `diagnostic_codes.toml`; the section of
each code in `docs/diagnostics.md` is generated from that table. It is read when the first code is
asked for: most files have nothing to report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import msgspec

__all__ = ["DIAGNOSTIC_CODES", "DiagnosticCode"]


class DiagnosticCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of diagnostic. `severity` says whether rows were lost (`error`) or only doubted."""

    severity: Literal["error", "warning", "note"]
    title: str
    remedy: str


class _Table(Mapping[str, DiagnosticCode]):
    """The codes of the TOML file."""

    @cached_property
    def _codes(self) -> dict[str, DiagnosticCode]:
        import tomllib  # noqa: PLC0415 - a parser of text, which nothing else here needs

        text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), dict[str, DiagnosticCode])

    def __getitem__(self, code: str) -> DiagnosticCode:
        return self._codes[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


DIAGNOSTIC_CODES: Final[Mapping[str, DiagnosticCode]] = _Table()
"""Code → what it means, in alphabetical order."""
