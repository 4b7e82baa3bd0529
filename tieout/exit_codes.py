"""Exit codes of the command line, and the one place where errors become codes.

Nothing heavy is imported here: an error is told by its class and the classes it inherits from.
"""

from __future__ import annotations

import enum
import errno

from adapters.errors import AccountsError, AdapterError, PostingTotalsError
from cluster.errors import (
    AuditError,
    ClusterError,
    ClusterFailedError,
    PlaceError,
    UnusableInputError,
)
from engine.errors import ConservationError, PolicyError
from parsers.errors import LayoutError, ParserError
from rpc.configuration_errors import ConfigurationError

__all__ = [
    "DecisionFileError",
    "DropFolderBusyError",
    "DropFolderError",
    "ExitCode",
    "JobError",
    "MemoryBusyError",
    "MemoryFileError",
    "NoUsableFileError",
    "NothingToDoError",
    "OutcomeFileError",
    "OutputDirectoryError",
    "PolicyFileError",
    "RunDirectoryError",
    "SparkMissingError",
    "UnknownFactError",
    "exit_code_of",
]


class ExitCode(enum.IntEnum):
    """What the process tells its caller; documented, never renumbered."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    GATE = 3
    PARTIAL = 4
    CONFLICT = 5
    MALFORMED = 65
    MISSING = 66
    UNREACHABLE = 69
    RETRY = 75
    FORBIDDEN = 77
    CONFIG = 78
    INTERRUPTED = 130
    TERMINATED = 143


class JobError(Exception):
    """Root of what may stop a job on purpose; the message is one sentence a person can act on.

    JobError
    ├── NothingToDoError        2   neither bank files nor payments were given
    ├── OutputDirectoryError    2   the run directory is in use, or is no run directory
    ├── NoUsableFileError      65   every bank file was refused
    ├── RunDirectoryError      65   a directory that is read as a run is none
    ├── MemoryFileError        65   a memory of earlier runs that cannot be read
    ├── DecisionFileError      65   decisions of clerks that cannot be read
    ├── UnknownFactError       66   a memory without the fact that is asked for
    ├── DropFolderError        78   folders that a file cannot be moved between
    ├── DropFolderBusyError    75   another process watches the folder
    ├── MemoryBusyError        75   another run holds the memory
    ├── PolicyFileError        78   the policy file is no policy
    ├── SparkMissingError      78   the extra for clusters is not installed
    └── OutcomeFileError       78   a calibration or precision ledger is none
    """

    exit_code = ExitCode.INTERNAL


class NothingToDoError(JobError):
    """Neither bank files nor a payments table were given."""

    exit_code = ExitCode.USAGE


class OutputDirectoryError(JobError):
    """The output directory holds something that may not be replaced."""

    exit_code = ExitCode.USAGE


class NoUsableFileError(JobError):
    """Every bank file was refused."""

    exit_code = ExitCode.MALFORMED


class RunDirectoryError(JobError):
    """A directory without the files of a run."""

    exit_code = ExitCode.MALFORMED


class MemoryFileError(JobError):
    """A memory of earlier runs that cannot be read."""

    exit_code = ExitCode.MALFORMED


class DecisionFileError(JobError):
    """Decisions that cannot be read, or are about payments the run does not have."""

    exit_code = ExitCode.MALFORMED


class UnknownFactError(JobError):
    """No learned fact has this id."""

    exit_code = ExitCode.MISSING


class MemoryBusyError(JobError):
    """Another run holds the memory now."""

    exit_code = ExitCode.RETRY


class DropFolderError(JobError):
    """Folders of `tieout watch` that a file cannot be moved between."""

    exit_code = ExitCode.CONFIG


class DropFolderBusyError(JobError):
    """Another process watches the folder."""

    exit_code = ExitCode.RETRY


class PolicyFileError(JobError):
    """A policy file that is no TOML, or whose rules are not understood."""

    exit_code = ExitCode.CONFIG


class SparkMissingError(JobError):
    """A command for clusters where the extra `tieout[spark]` is not installed."""

    exit_code = ExitCode.CONFIG


class OutcomeFileError(JobError):
    """A file of earlier outcomes that is no calibration or precision ledger."""

    exit_code = ExitCode.CONFIG


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (LayoutError, ExitCode.CONFIG),
    (ParserError, ExitCode.MALFORMED),
    (PolicyError, ExitCode.CONFIG),
    (ConfigurationError, ExitCode.CONFIG),
    (ConservationError, ExitCode.INTERNAL),
    (AuditError, ExitCode.INTERNAL),
    (PlaceError, ExitCode.USAGE),
    (UnusableInputError, ExitCode.MALFORMED),
    (ClusterFailedError, ExitCode.RETRY),
    (ClusterError, ExitCode.MALFORMED),
    (AccountsError, ExitCode.CONFIG),
    (PostingTotalsError, ExitCode.INTERNAL),
    (AdapterError, ExitCode.MALFORMED),
    (FileNotFoundError, ExitCode.MISSING),
    (IsADirectoryError, ExitCode.MISSING),
    (NotADirectoryError, ExitCode.MISSING),
    (FileExistsError, ExitCode.USAGE),
    (PermissionError, ExitCode.FORBIDDEN),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


_PASSING: frozenset[int] = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.ENOMEM}
)
"""What is wrong with a machine and not with the job: a full disk, a lost mount."""


def exit_code_of(error: BaseException) -> ExitCode | None:
    """The documented exit code of `error`, None where it is no error anyone foresaw."""
    if isinstance(error, JobError):
        return error.exit_code
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, OSError) and error.errno in _PASSING:
        return ExitCode.RETRY
    return None
