"""Seeded worlds: customers, open items, payments and the truth about them, for demos and measures.

`generate_world` builds a world from a `WorldSpec`, `write_world` writes it as files, `score_run`
compares a run directory with the truth. The same spec gives the same bytes everywhere.
"""

from __future__ import annotations

from tieout.worlds.files import write_world
from tieout.worlds.generator import World, generate_world
from tieout.worlds.score import Score, score_run
from tieout.worlds.spec import CompanySpec, WorldSpec, named_spec, scaled_spec

__all__ = [
    "CompanySpec",
    "Score",
    "World",
    "WorldSpec",
    "generate_world",
    "named_spec",
    "scaled_spec",
    "score_run",
    "write_world",
]
