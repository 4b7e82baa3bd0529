"""The result appears as a whole: parts, and a manifest with the hash of each, in one rename.

The manifest names every file with its rows, size and SHA-256, and says what the run was. Its own
hash stands for the whole result: who posts it into a ledger names that hash, and posting the same
result twice is seen.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import TYPE_CHECKING, Final

import msgspec

from cluster.errors import PlaceError
from cluster.places import Place
from parsers.result_bundles import Manifest

if TYPE_CHECKING:
    from cluster.decide_all import Written
    from cluster.run import Run

__all__ = ["MANIFEST", "manifest_sha256", "publish", "run_of_result"]

MANIFEST: Final = "manifest.json"
"""Name of the manifest in the folder of a result; a folder without it is no result."""


def publish(run: Run) -> dict[str, int]:
    """Write the manifest, and put the result in its place."""
    out, result = Place.of(run.job.out), run.folder / "result"
    written: Written = run.value("written")
    counted = {
        "files": len(written.files),
        "bytes": sum(file.bytes for file in written.files),
    }
    if run_of_result(out) == run.key:
        return counted
    # The tasks' own folder is not passed on: one that nobody could stop may still write there.
    for file in written.files:
        source, target = run.folder / "written" / file.path, result / file.path
        if source.exists() or not target.exists():
            target.take(source)
    manifest = Manifest(
        run=run.key,
        tieout=metadata.version("tieout"),
        as_of=run.job.as_of.isoformat() if run.job.as_of else None,
        rows=written.rows(),
        sums=written.sums,
        exceptions=written.exceptions,
        decided=written.decided,
        files=written.files,
    )
    (result / MANIFEST).write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    _put_in_place(run, result, out)
    return counted


def run_of_result(out: Place) -> str | None:
    """The run whose result stands at `out`; None where none does."""
    try:
        return msgspec.json.decode((out / MANIFEST).read(), type=Manifest).run
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def manifest_sha256(out: Place) -> str:
    """The hash that stands for the result at `out`."""
    return hashlib.sha256((out / MANIFEST).read()).hexdigest()


def _put_in_place(run: Run, result: Place, out: Place) -> None:
    """Rename the folder to its place; an earlier result stays until the new one stands."""
    earlier = Place(f"{out.uri}.earlier")
    earlier.remove()
    if out.exists():
        if out.is_empty():
            out.remove()
        elif run.job.overwrite and (out / MANIFEST).exists():
            out.move_to(earlier)
        else:
            message = f"{out} is not empty; give --out a new folder, or --overwrite"
            raise PlaceError(message)
    try:
        result.move_to(out)
    except BaseException:
        if earlier.exists() and not out.exists():
            earlier.move_to(out)
        raise
    earlier.remove()
