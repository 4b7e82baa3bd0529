"""The key of a run: a hash of all that its result depends on."""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec

from cluster.places import files_below

if TYPE_CHECKING:
    from cluster.hooks import Hooks
    from cluster.settings import ClusterJob

__all__ = ["run_key"]


def run_key(job: ClusterJob, hooks: Hooks, earlier: str) -> str:
    """The hash of all a result depends on, `earlier` being that of earlier runs; how the work is
    cut is none of it, but tables of stages that are cut otherwise do not fit together.
    """
    names = (job.open_items, job.payments, job.customers, job.bank_accounts, *job.bank_files)
    rules = [job.policy, job.outcomes, job.as_of, job.cuts]
    digest = hashlib.sha256(msgspec.json.encode(rules, order="sorted"))
    digest.update(metadata.version("tieout").encode())
    for name in names:
        files = files_below(name, ()) if name else []
        digest.update(msgspec.json.encode(files))
    digest.update(hooks.reading.encode())
    digest.update(earlier.encode())
    digest.update(repr(hooks.advices.record_batch.to_pydict()).encode())
    return digest.hexdigest()
