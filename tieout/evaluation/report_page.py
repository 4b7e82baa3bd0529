"""An evaluation as one HTML page: for whoever signs off that the machine may decide alone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from tieout.evaluation.pictures import (
    coverage_picture,
    reliability_picture,
    scenario_picture,
    threshold_picture,
)
from tieout.evaluation.report_text import (
    CODE_HEADER,
    IDENTIFIED_HEADER,
    RATE_HEADER,
    SCENARIO_HEADER,
    STRATEGY_HEADER,
    code_rows,
    identified_rows,
    of,
    scenario_rates,
    scenario_rows,
    soundness_sentence,
    strategy_rates,
    strategy_rows,
    wrong_sentence,
)
from tieout.reports.figures import grouped, odds, percent
from tieout.reports.page import Tile, html_page, html_table, html_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.evaluation.measures import Evaluation

__all__ = ["evaluation_page"]

_WRONG_SHOWN: Final = 100
_WRONG_COLUMN: Final = 4
_STRATEGY_WRONG: Final = 2


def evaluation_page(evaluation: Evaluation) -> str:
    """The whole page."""
    runs = ", ".join(evaluation.runs)
    subtitle = f"{evaluation.payments:,} payments whose truth is known, against {runs}"
    return html_page("How far can it decide alone?", subtitle, [*_parts(evaluation)])


def _parts(evaluation: Evaluation) -> Iterator[str]:
    tiles, bad = _tiles(evaluation)
    yield html_tiles(tiles, bad)
    if evaluation.missing:
        yield _say(
            f"{evaluation.missing:,} payments of the truth are in no run; they count as left."
        )
    yield "<h2>Money</h2>"
    yield html_table(_MONEY_HEADER, _money_rows(evaluation))
    yield "<h2>Where decisions end and proposals begin</h2>"
    yield _say(
        "Each payment counts with its best set of items: the one decided, or the proposal ranked "
        "first. Asking for more confidence takes fewer payments and makes fewer mistakes."
    )
    yield _pair(threshold_picture(evaluation), coverage_picture(evaluation))
    yield "<h2>Is confidence honest?</h2>"
    confidence = evaluation.confidence
    yield _say(
        f"A confidence of 90 % should be right nine times out of ten. Over {confidence.sets:,} "
        f"decisions and proposals it is off by {percent(confidence.expected_error)} on average; "
        "a dot below the line is claimed too boldly."
    )
    yield f"<figure>{reliability_picture(evaluation)}</figure>"
    yield "<h2>Strategies</h2>"
    rows = strategy_rows(evaluation)
    bad_cells = [
        (at, _STRATEGY_WRONG) for at, row in enumerate(rows) if row[_STRATEGY_WRONG] != "0"
    ]
    yield html_table(STRATEGY_HEADER, rows, bad=bad_cells)
    yield _say("What each strategy decided of all receivables, and how much of it was right.")
    yield html_table(RATE_HEADER, strategy_rates(evaluation))
    yield "<h2>Scenarios</h2>"
    yield f"<figure>{scenario_picture(evaluation)}</figure>"
    rows = scenario_rows(evaluation)
    bad_cells = [(at, _WRONG_COLUMN) for at, row in enumerate(rows) if row[_WRONG_COLUMN] != "0"]
    yield html_table(SCENARIO_HEADER, rows, left=(0, 9), bad=bad_cells)
    yield _say("What was decided without a clerk of the receivables of each scenario.")
    yield html_table(RATE_HEADER, scenario_rates(evaluation))
    yield "<h2>What a clerk is told</h2>"
    yield _say(
        f"Of the payments left to a clerk, {of(evaluation.codes_left)} carry a primary exception "
        "code that the truth accepts."
    )
    yield html_table(CODE_HEADER, code_rows(evaluation))
    yield "<h2>Who paid</h2>"
    yield html_table(IDENTIFIED_HEADER, identified_rows(evaluation))
    yield from _wrong(evaluation)


def _say(sentence: str) -> str:
    return f'<p class="quiet">{escape(sentence)}</p>'


def _pair(*pictures: str) -> str:
    figures = "".join(f"<figure>{picture}</figure>" for picture in pictures)
    return f'<div class="pair">{figures}</div>'


def _tiles(evaluation: Evaluation) -> tuple[list[Tile], list[int]]:
    through = evaluation.straight_through_by_payment
    wrong, first = evaluation.wrong, evaluation.first_of_determinable
    tiles = [
        (
            "decided without a clerk",
            percent(through.rate),
            f"{through.hits:,} of {through.total:,} payments, whole",
        ),
        (
            "wrong among them",
            f"{wrong.hits:,} of {wrong.total:,}",
            f"with 95 % certainty fewer than {odds(wrong.at_most)}",
        ),
        (
            "first proposal right",
            percent(first.rate),
            f"{first.hits:,} of {first.total:,} payments left with items to pay",
        ),
        (
            "every cent",
            "accounted for" if evaluation.is_sound else "NOT accounted for",
            soundness_sentence(evaluation),
        ),
    ]
    bad = [at for at, wrongly in ((1, wrong.hits > 0), (3, not evaluation.is_sound)) if wrongly]
    return tiles, bad


_MONEY_HEADER: Final = (
    *("currency", "received", "decided alone", "share", "applied to items", "wrong", "share wrong"),
)


def _money_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    return [
        (
            currency,
            grouped(decided.whole),
            grouped(decided.part),
            percent(decided.rate),
            grouped(evaluation.wrong_by_value[currency].whole),
            grouped(evaluation.wrong_by_value[currency].part),
            percent(evaluation.wrong_by_value[currency].rate),
        )
        for currency, decided in evaluation.straight_through_by_value.items()
    ]


def _wrong(evaluation: Evaluation) -> Iterator[str]:
    yield "<h2>Wrong applications</h2>"
    yield _say(f"{wrong_sentence(evaluation)}.")
    if not evaluation.wrong_payments:
        return
    rows = [
        (
            one.payment_id,
            one.scenario,
            one.strategy,
            percent(one.confidence),
            _items(one.got),
            _items(one.wanted),
        )
        for one in evaluation.wrong_payments[:_WRONG_SHOWN]
    ]
    header = ("payment", "scenario", "strategy", "confidence", "applied", "truth")
    yield html_table(header, rows, left=(0, 1, 2, 4, 5))
    yield _say("`tieout explain RUN PAYMENT` says why each was applied.")


def _items(amounts: dict[str, str]) -> str:
    return "; ".join(f"{amount} on {item}" for item, amount in amounts.items()) or "nothing"
