"""A policy file: the matching rules, and where the tables stand that outcomes have taught.

    [outcomes]
    calibration = "own.json"
    precision = "record.json"

Both are files beside the policy (or paths), written by `tieout calibrate` or `tieout evaluate`.
They are no rules and do not travel with them: the engine takes them in as data.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import PolicyError
from engine.policy import PolicyBook, read_policy
from tieout.exit_codes import PolicyFileError
from tieout.outcome_tables import read_outcomes

if TYPE_CHECKING:
    from engine.outcomes import Outcomes

__all__ = ["NamedOutcomes", "PolicyFile", "read_policy_file", "rules_of"]

_SECTION: Final = "outcomes"


class NamedOutcomes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files of outcomes, empty where a policy names none."""

    calibration: str = ""
    precision: str = ""

    def below(self, folder: Path) -> NamedOutcomes:
        """The same files, as paths that are relative to `folder`."""
        names = msgspec.structs.asdict(self)
        return NamedOutcomes(**{key: name and str(folder / name) for key, name in names.items()})

    def read(
        self, calibration: str | Path | None = None, precision: str | Path | None = None
    ) -> Outcomes:
        """What is in the files, or in those given instead of them; raises `FileNotFoundError` or
        `OutcomeFileError`.
        """
        return read_outcomes(calibration or self.calibration, precision or self.precision)


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy file says."""

    book: PolicyBook = PolicyBook()
    outcomes: NamedOutcomes = NamedOutcomes()


def rules_of(content: dict[str, Any]) -> tuple[dict[str, Any], NamedOutcomes]:
    """The rules of a policy as it is written, and the files it names; raises `PolicyError`."""
    rules = {name: value for name, value in content.items() if name != _SECTION}
    try:
        return rules, msgspec.convert(content.get(_SECTION, {}), NamedOutcomes)
    except msgspec.ValidationError as error:
        message = f"{_SECTION}: {error}"
        raise PolicyError(message) from None


def read_policy_file(path: str | Path) -> PolicyFile:
    """The policy in the TOML file `path`; raises `FileNotFoundError`, or `PolicyFileError` that
    names file and key.
    """
    place = Path(path)
    try:
        rules, named = rules_of(tomllib.loads(place.read_text(encoding="utf-8")))
        return PolicyFile(book=read_policy(rules), outcomes=named.below(place.parent))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PolicyError) as error:
        message = f"{place.name}: {error}"
        raise PolicyFileError(message) from None
