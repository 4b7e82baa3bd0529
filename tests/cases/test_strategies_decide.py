"""Every strategy has a case that it decides, and that nothing else decides without it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest
from case_language import Case, Record, match_input_of, read_cases

from engine.candidates import STRATEGIES
from engine.matcher import match_payments
from engine.precision_ledger import PrecisionLedger, StrategyRecord

CASES = [case for path in sorted(Path(__file__).parent.glob("*.txt")) for case in read_cases(path)]


def _quiet(stage: str, row_count: int) -> None:
    """Nobody watches."""


def _decided(match_input) -> dict[str, set[str]]:
    """Payment → the strategies of its automatic rows."""
    found: dict[str, set[str]] = {}
    for row in match_payments(match_input, _quiet).applications.record_batch.to_pylist():
        if row["decision"] == "auto":
            found.setdefault(row["payment_id"], set()).add(row["strategy"])
    return found


@cache
def _decided_by(number: int) -> dict[str, set[str]]:
    return _decided(match_input_of(CASES[number]))


def _without(case: Case, strategy: str):
    """The case, with a record of `strategy` that is worse than any budget."""
    rule = Record(case.place, ["automation.precision", "demote"])
    sections = case.sections | {"policy": [*case.sections.get("policy", []), rule]}
    record = StrategyRecord(strategy=strategy, right=50, wrong=50)
    return msgspec.structs.replace(
        match_input_of(msgspec.structs.replace(case, sections=sections)),
        precision=PrecisionLedger(records=(record,)),
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_decides_what_no_other_does(strategy):
    for number, case in enumerate(CASES):
        alone = {name for name, by in _decided_by(number).items() if by == {strategy}}
        if not alone:
            continue
        without = _decided(_without(case, strategy))
        assert not any(strategy in by for by in without.values()), case.title
        if any(name not in without for name in alone):
            return
    pytest.fail(f"no case is decided by {strategy} and by nothing else")
