"""What stopped a stage, in a sentence a person can act on, whoever said it: a reader of a table in
some task, a disk, Spark.

An error of a task comes back as text inside an error of Spark's. What it was is read off that text
by the name of its class.
"""

from __future__ import annotations

import errno
import re
from typing import Final

from cluster.errors import AuditError, ClusterError, ClusterFailedError, UnusableInputError
from engine.errors import ConservationError
from parsers.errors import TableError

__all__ = ["failure_of"]

_NO_SPACE: Final = "No space left on device"
_OF_SPARK: Final = frozenset({"pyspark", "py4j"})
_SHOWN: Final = 300
_AGAIN: Final = (
    "nothing was passed on; start the same command again, it goes on after the last finished stage"
)
_CAUSES: Final = re.compile(
    r"^(?:Caused by: )?([\w.$]+(?:Error|Exception|Failure)[\w.$]*: .*)$", re.MULTILINE
)


def failure_of(error: Exception, stage: str) -> ClusterError | None:
    """The error of this package that says what stopped `stage`; None where nobody foresaw it."""
    if isinstance(error, ClusterError) and not _is_full(error):
        return error
    text = str(error)
    table = _said(TableError, text)
    if table is not None:
        return UnusableInputError(table)
    lost = _said(ConservationError, text)
    if lost is not None:
        return AuditError(f"{lost}; nothing was passed on")
    if _is_full(error):
        return ClusterFailedError(
            f"{stage}: a disk is full ({_NO_SPACE.lower()}): make room where spark.local.dir, the "
            f"working folder and --out stand; {_AGAIN}"
        )
    if type(error).__module__.split(".", 1)[0] in _OF_SPARK or isinstance(error, ConnectionError):
        return ClusterFailedError(f"{stage}: Spark gave up: {_cause(text)}; {_AGAIN}")
    return None


def _is_full(error: BaseException) -> bool:
    """Some disk had no room, here or on a machine of the cluster."""
    seen: BaseException | None = error
    while seen is not None:
        if getattr(seen, "errno", None) == errno.ENOSPC or _NO_SPACE in str(seen):
            return True
        seen = seen.__cause__
    return False


def _said(kind: type[Exception], text: str) -> str | None:
    """What an error of class `kind` said in a task, out of the error Spark made of it."""
    mark = f"{kind.__module__}.{kind.__name__}: "
    if mark not in text:
        return None
    return text.split(mark, 1)[1].split("\n", 1)[0].strip()


def _cause(text: str) -> str:
    """The innermost cause that Spark names, in one line."""
    found = _CAUSES.findall(text)
    line = found[-1] if found else text.strip().split("\n", 1)[0]
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
