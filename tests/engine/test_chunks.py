"""Results never depend on how work is cut up: the same bytes whatever the size of a chunk."""

import pytest

import engine.combinations
import engine.names
import engine.rounds
from engine.matcher import MatchInput, match_payments
from parsers import tables
from tieout.worlds import generate_world, named_spec, scaled_spec
from tieout.worlds.files import write_world

WORLDS = ("demo", "rent", "dense_numbers")


def quiet(stage: str, row_count: int) -> None:
    del stage, row_count


@pytest.fixture(scope="module", params=WORLDS)
def world(request, tmp_path_factory) -> MatchInput:
    place = tmp_path_factory.mktemp(request.param)
    spec = scaled_spec(named_spec(request.param), 400, 2_500)
    write_world(generate_world(spec), place)
    return MatchInput(
        payments=tables.read_payments(place / "payments.csv"),
        open_items=tables.read_open_items(place / "open_items.csv"),
        customers=tables.read_customers(place / "customers.csv"),
        bank_accounts=tables.read_bank_accounts(place / "bank_accounts.csv"),
        advices=tables.read_advices(place / "remittances.csv"),
    )


def test_small_chunks_decide_the_same_as_one_large_one(world, monkeypatch):
    whole = match_payments(world, quiet)
    monkeypatch.setattr(engine.rounds, "_LEDGER_ROWS_MAX", 37)
    monkeypatch.setattr(engine.combinations, "SUBSET_COMBINATIONS_MAX", 1 << 11)
    monkeypatch.setattr(engine.names, "_POSTINGS_MAX", 53)
    cut = match_payments(world, quiet)
    assert len(whole.applications) > 100
    assert cut.outcomes == whole.outcomes
    assert cut.applications == whole.applications
    assert cut.exceptions == whole.exceptions
    assert cut.reversals == whole.reversals
