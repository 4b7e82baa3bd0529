"""Long run: worlds of other seeds, twenty thousand payments each, and how often we are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import (
    Score,
    generate_world,
    named_spec,
    scaled_spec,
    score_run,
    write_world,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

NAMES = (
    "demo",
    "price_list",
    "rent",
    "whole_dollar",
    "dense_numbers",
    "unknown_payers",
    "infeasible",
    "infeasible_prices",
    "infeasible_rent",
    "infeasible_dollars",
)
PAYMENTS = 20_000
OTHER_SEEDS = 100
WRONG_MAX = 0.0005
WRONG_OF_ALL_MAX = 0.0002


def _score(name: str, place: Path) -> Score:
    spec = named_spec(name)
    larger = scaled_spec(spec, PAYMENTS, PAYMENTS * 6)
    world = generate_world(msgspec.structs.replace(larger, seed=spec.seed + OTHER_SEEDS))
    write_world(world, place)
    job = MatchingJob(
        open_items=place / "open_items.csv",
        payments=place / "payments.csv",
        customers=place / "customers.csv",
        bank_accounts=place / "bank_accounts.csv",
        remittances=place / "remittances.csv",
        out=place / "run",
    )
    run_matching_job(job)
    return score_run(place, place / "run")


def test_no_world_is_matched_wrongly_beyond_the_bound_and_no_cent_is_lost(tmp_path):
    scores = {name: _score(name, tmp_path / name) for name in NAMES}
    for name, score in scores.items():
        assert not score.unconserved_payments, name
        assert not score.over_applied_items, name
        assert score.wrong_rate <= WRONG_MAX, (name, score.wrong)
    decided = sum(score.automatic_count for score in scores.values())
    wrong = sum(score.wrong_count for score in scores.values())
    assert decided > len(NAMES) * PAYMENTS // 2
    assert wrong <= decided * WRONG_OF_ALL_MAX
