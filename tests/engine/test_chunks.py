"""Results never depend on how work is cut up: the same bytes whatever the size of a chunk."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import engine.choice_sums
import engine.combinations
import engine.groups
import engine.name_search
import engine.rounds
import engine.row_texts
import engine.sum_sets
import engine.tokens
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


@pytest.fixture(scope="module")
def whole(world):
    return match_payments(world, quiet)


def test_small_chunks_decide_the_same_as_one_large_one(world, whole, monkeypatch):
    monkeypatch.setattr(engine.rounds, "_LEDGER_ROWS_MAX", 37)
    monkeypatch.setattr(engine.rounds, "_LEDGERS_MAX", 5)
    monkeypatch.setattr(engine.sum_sets, "_ROWS_AT_ONCE", 29)
    monkeypatch.setattr(engine.choice_sums, "SUBSET_COMBINATIONS_MAX", 1 << 9)
    monkeypatch.setattr(engine.combinations, "SUBSET_COMBINATIONS_MAX", 1 << 11)
    monkeypatch.setattr(engine.tokens, "_CHUNK_ROWS", 7)
    monkeypatch.setattr(engine.tokens, "_CHUNK_BYTES", 300)
    monkeypatch.setattr(engine.name_search, "_POSTINGS_MAX", 53)
    cut = match_payments(world, quiet)
    assert len(whole.applications) > 100
    assert cut.outcomes == whole.outcomes
    assert cut.applications == whole.applications
    assert cut.exceptions == whole.exceptions
    assert cut.reversals == whole.reversals


def test_texts_read_one_by_one_are_those_of_columns(world, whole, monkeypatch):
    for few in (0, 10**9):
        monkeypatch.setattr(engine.row_texts, "FEW_ROWS", few)
        assert same(match_payments(world, quiet), whole)


def same(one, two):
    return all(getattr(one, name) == getattr(two, name) for name in one.__struct_fields__)


def last_first(function, values):
    """`map` that works on the last value first."""
    return reversed([function(value) for value in reversed(list(values))])


@pytest.mark.parametrize("size", [1, 3, 50])
def test_groups_one_by_one_in_bundles_in_any_order_or_on_threads_decide_the_same(
    world, whole, monkeypatch, size
):
    monkeypatch.setattr(engine.groups, "CHUNK_PAYMENTS", size)
    assert same(match_payments(world, quiet), whole)
    assert same(match_payments(world, quiet, last_first), whole)
    with ThreadPoolExecutor(3) as pool:
        assert same(match_payments(world, quiet, pool.map), whole)


def test_all_payments_together_decide_what_groups_and_the_pass_across_decide(
    world, whole, monkeypatch
):
    strays = []

    def at_home(_situation, groups, candidates):
        rows = candidates.rows
        home = groups.group[candidates.payment[rows.candidate]]
        strays.append(int((_situation.index.family[rows.item] != home).sum()))
        return candidates

    monkeypatch.setattr(engine.rounds, "_at_home", at_home)
    assert same(match_payments(world, quiet), whole)
    assert len(strays) >= 2
    assert not any(strays), "a payment of a group reached an item of another one"
    monkeypatch.setattr(
        engine.groups, "_reaches_beyond", lambda situation: np.ones(len(situation), np.bool_)
    )
    assert same(match_payments(world, quiet), whole)
