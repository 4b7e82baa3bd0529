"""The numbers of a decision are the engine's own, and decisions are complete."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from engine.accident import CLASS_WEIGHTS, NONE_WEIGHT, accident_density, log_choose
from engine.identify import IDENTIFIED_BY, RELIABILITY
from engine.policy import Policy

DECISIONS = Path(__file__).resolve().parents[2] / "docs" / "decisions"
HEADINGS = ["Context", "Decision", "What we gave up", "How to reverse"]
ITEMS = 20
STEPS = 7
LARGER_SETS = sum(CLASS_WEIGHTS[name] for name in ("triple", "four", "more"))


def pages():
    return sorted(DECISIONS.glob("*.md"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_decision_says_what_it_gave_up_and_how_to_reverse_it(page):
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem[:4]} ")
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [one for one in found if one in HEADINGS] == HEADINGS


def test_decisions_are_numbered_without_gaps():
    numbers = [int(page.stem[:4]) for page in pages()]
    assert numbers == list(range(1, len(numbers) + 1))


def example_rows():
    text = (DECISIONS / "0003-amount-evidence.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| 1,")]
    assert len(rows) == 4
    return rows


def prior_of(what):
    if what == "one item":
        return CLASS_WEIGHTS["single"] / ITEMS
    if what == "one pair":
        return CLASS_WEIGHTS["pair"] / float(np.exp(log_choose(np.array([ITEMS]), 2)[0]))
    assert what == "one set of six"
    return CLASS_WEIGHTS["more"] / 2**ITEMS


@pytest.mark.parametrize("row", example_rows(), ids=lambda row: f"{row[0]} {row[2]}")
def test_the_examples_of_amount_evidence_are_what_the_engine_works_out(row):
    amount, share, what, searched, prior, rest, wrong, decision = row
    target = np.array([int(amount.replace(",", "").replace(".", ""))])
    density = accident_density(target, np.full(STEPS, float(share)))[0]
    payer_doubt = 1.0 - RELIABILITY[IDENTIFIED_BY.index("name")]
    unsearched = 0.0 if searched == "everything" else LARGER_SETS
    z = (NONE_WEIGHT + payer_doubt + unsearched) * density
    doubt = z / (prior_of(what) + z)
    assert (prior, rest, wrong) == (f"{prior_of(what):.1e}", f"{z:.1e}", f"{doubt:.1e}")
    budget = Policy().automation.wrong_budget
    assert decision == ("apply" if doubt <= budget else "propose")
