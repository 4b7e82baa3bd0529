"""What stops a run on a cluster on purpose; each message is one a person can act on.

ClusterError
├── PlaceError            a URI that cannot be read or written
├── WorkingFolderError    the working folder holds what this run cannot use
├── DuplicateRowsError    two rows of a table have one key
├── UnusableInputError    a table or every bank file is refused
├── ClusterFailedError    Spark gave a stage up, or a disk is full: start again, it goes on
├── ReaderDiedError       a bank file that takes its reader's process with it
├── StrayPaymentError     payments reach into each other's buckets after all
└── AuditError            the two equations do not hold: nothing is passed on
"""

from __future__ import annotations

__all__ = [
    "AuditError",
    "ClusterError",
    "ClusterFailedError",
    "DuplicateRowsError",
    "PlaceError",
    "ReaderDiedError",
    "StrayPaymentError",
    "UnusableInputError",
    "WorkingFolderError",
]


class ClusterError(Exception):
    """Root of what may stop a run on purpose (see module)."""

    reason = "CLUSTER"


class PlaceError(ClusterError):
    """A URI that cannot be read or written."""

    reason = "PLACE"


class WorkingFolderError(ClusterError):
    """The working folder holds what this run cannot use."""

    reason = "WORKING_FOLDER"


class DuplicateRowsError(ClusterError):
    """Two rows of a table have one key."""

    reason = "DUPLICATE_ROWS"


class UnusableInputError(ClusterError):
    """A table that is malformed, or bank files of which none can be used."""

    reason = "UNUSABLE_INPUT"


class ClusterFailedError(ClusterError):
    """Spark gave a stage up: machines that were lost again and again, a full disk."""

    reason = "CLUSTER_FAILED"


class ReaderDiedError(ClusterError):
    """A bank file that takes its reader's process with it: it is refused, the others are read."""

    reason = "READER_DIED"


class StrayPaymentError(ClusterError):
    """Payments that reach into another bucket after all."""

    reason = "STRAY_PAYMENT"


class AuditError(ClusterError):
    """The two equations of conservation do not hold."""

    reason = "AUDIT"
