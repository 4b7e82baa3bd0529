"""What is measured: seeded worlds as tables and bank files, kept in `.cache/bench` once made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tieout import worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.sizes import Sizes

__all__ = ["FORMATS", "Inputs", "make_inputs"]

FORMATS: Final = ("bai2", "lockbox", "camt.053")
"""Formats of bank files that are measured."""

_CHANNELS: Final = {"bai2": ("ach", 0), "lockbox": ("lockbox", 1), "camt.053": ("camt08", 2)}
_PROBE_PAYMENTS: Final = 400
_ITEMS_PER_PAYMENT: Final = 3
_CHECKS_MAX: Final = 20_000
"""Checks of one lockbox: the counts in its totals have four digits, one total a day."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """The folder of the matched world (tables in Parquet) and one bank file per format."""

    world: Path
    bank_files: dict[str, Path]


def make_inputs(sizes: Sizes, cache: Path, observe: Callable[[str], None]) -> Inputs:
    """The inputs of a run of `sizes`, out of `cache` where an equal run made them before."""
    spec = worlds.scaled_spec(worlds.named_spec("demo"), sizes.payments, sizes.open_items)
    world = cache / f"world-{_key(spec)}"
    if not world.exists():
        observe(f"generate {sizes.payments:,} payments and {sizes.open_items:,} open items")
        draft = world.with_suffix(".draft")
        worlds.write_world(worlds.generate_world(spec), draft, "parquet")
        draft.rename(world)
    wanted = dict(
        zip(FORMATS, (sizes.bai2_bytes, sizes.lockbox_bytes, sizes.camt_bytes), strict=True)
    )
    return Inputs(
        world=world,
        bank_files={name: _bank_file(name, size, cache, observe) for name, size in wanted.items()},
    )


def _bank_file(name: str, size: int, cache: Path, observe: Callable[[str], None]) -> Path:
    """A file of one format of about `size` bytes: as many payments as a small one suggests."""
    path = cache / f"{name}-{size}-{_key(_spec_of(name, _PROBE_PAYMENTS))}.bank"
    if not path.exists():
        observe(f"render a {name} file of {size / 1e6:,.1f} MB")
        payments = max(int(_PROBE_PAYMENTS * size / len(_render(name, _PROBE_PAYMENTS))), 40)
        content = _render(name, payments)
        path.with_suffix(".draft").write_bytes(content)
        path.with_suffix(".draft").rename(path)
    return path


def _render(name: str, payments: int) -> bytes:
    """A bank file of `payments` payments; checks in as many lockboxes as they need."""
    if name != "lockbox":
        return _rendered(_spec_of(name, payments))
    lockboxes = -(-payments // _CHECKS_MAX)
    spec = _spec_of(name, payments // lockboxes)
    parts = [
        _rendered(_of_lockbox(spec, number)).splitlines(keepends=True)
        for number in range(lockboxes)
    ]
    records = [line for part in parts for line in part if line[:1] in b"45678"]
    header = [line for line in parts[0] if line[:1] in b"12"]
    trailer = parts[0][-1]
    count = b"%06d" % (len(header) + len(records) + 1)
    return b"".join([*header, *records, trailer[:1] + count + trailer[7:]])


def _of_lockbox(spec: worlds.WorldSpec, number: int) -> worlds.WorldSpec:
    """Another world for another lockbox of the same company."""
    company = msgspec.structs.replace(spec.companies[0], lockbox=f"{640_918 + number:07d}")
    return msgspec.structs.replace(spec, seed=spec.seed + number, companies=(company,))


def _rendered(spec: worlds.WorldSpec) -> bytes:
    (content,) = worlds.generate_world(spec).bank_files.values()
    return content


def _spec_of(name: str, payments: int) -> worlds.WorldSpec:
    channel, number = _CHANNELS[name]
    demo = worlds.named_spec("demo")
    company = msgspec.structs.replace(demo.companies[number], channels={channel: 1.0}, share=1.0)
    one_company = msgspec.structs.replace(demo, companies=(company,))
    return worlds.scaled_spec(
        one_company, payments, payments * _ITEMS_PER_PAYMENT, with_bank_files=True
    )


def _key(spec: worlds.WorldSpec) -> str:
    """Changes when the spec does, or the code that builds worlds."""
    digest = hashlib.sha256(msgspec.json.encode(spec))
    for source in sorted(Path(worlds.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
