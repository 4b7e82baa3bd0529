"""What is measured: seeded worlds as tables, kept in `.cache/bench` once made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tieout import worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.sizes import Sizes

__all__ = ["Inputs", "make_inputs"]


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """The folder of the matched world, its tables in Parquet."""

    world: Path


def make_inputs(sizes: Sizes, cache: Path, observe: Callable[[str], None]) -> Inputs:
    """The inputs of a run of `sizes`, out of `cache` where an equal run made them before."""
    spec = worlds.scaled_spec(worlds.named_spec("demo"), sizes.payments, sizes.open_items)
    if sizes.customers:
        spec = msgspec.structs.replace(spec, customer_count=sizes.customers)
    world = cache / f"world-{_key(spec)}"
    if not world.exists():
        observe(f"generate {sizes.payments:,} payments and {sizes.open_items:,} open items")
        draft = world.with_suffix(".draft")
        worlds.write_world(worlds.generate_world(spec), draft, "parquet")
        draft.rename(world)
    return Inputs(world=world)


def _key(spec: worlds.WorldSpec) -> str:
    """Changes when the spec does, or the code that builds worlds."""
    digest = hashlib.sha256(msgspec.json.encode(spec))
    for source in sorted(Path(worlds.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
