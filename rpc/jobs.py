"""Work orders between the server and its worker processes, and what comes back.

Bulk travels as files or as bytes that were encoded already; everything else is a small record.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from desk.authority import DEFAULT_AUTHORITY, Authority
from engine.outcomes import Outcomes
from engine.policy import PolicyBook  # noqa: TC001 - msgspec reads annotations
from rpc.caller import Caller  # noqa: TC001 - msgspec reads annotations
from rpc.limits import WORKER_MEMORY_BYTES
from rpc.payment_counts import PaymentCounts  # noqa: TC001 - msgspec reads annotations
from store.late_remittances import Attachment  # noqa: TC001 - msgspec reads annotations

__all__ = [
    "AttachRemittanceDone",
    "AttachRemittanceJob",
    "BankFileDone",
    "BankFileJob",
    "BuildSnapshotDone",
    "BuildSnapshotJob",
    "CheckSnapshotDone",
    "CheckSnapshotJob",
    "ClearingDone",
    "ClearingJob",
    "FileResultDone",
    "FileResultJob",
    "ImportRowsDone",
    "ImportRowsJob",
    "Job",
    "JobFailure",
    "LoadTablesDone",
    "LoadTablesJob",
    "MatchDone",
    "MatchJob",
    "PaymentBytesDone",
    "PaymentBytesJob",
    "PostResultsDone",
    "PostResultsJob",
    "QuestionDone",
    "QuestionJob",
    "ReadReferencesDone",
    "ReadReferencesJob",
    "Reply",
    "ReproposeDone",
    "ReproposeJob",
    "ReproposeRound",
    "ResidentAnswer",
    "ResidentMatchDone",
    "ResidentMatchJob",
    "ResidentRequest",
    "StageTiming",
    "StreamMatchDone",
    "StreamMatchJob",
    "TenantSettings",
    "WorkOrder",
    "WorkerSettings",
]


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: the folder of its tables (absolute), its rules, what outcomes have taught, and
    who may decide what.
    """

    tables_folder: str
    policy: PolicyBook
    outcomes: Outcomes = Outcomes()
    authority: Authority = DEFAULT_AUTHORITY


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told when it starts. Paths and the store's address are absolute.

    `encryption_key_file` is empty where nothing is sealed at rest. `memory_bytes` is what it may
    hold of its own; `mask_key` masks account numbers in its log.
    """

    store_url: str
    tenants: dict[str, TenantSettings]
    memory_bytes: int = WORKER_MEMORY_BYTES
    log_level: str = "warning"
    mask_key: bytes = b""
    encryption_key_file: str = ""

    def __repr__(self) -> str:
        """Without the key, and without an address that may hold a password."""
        return f"WorkerSettings(tenants={sorted(self.tenants)}, log_level={self.log_level!r})"


class StageTiming(msgspec.Struct, frozen=True):
    """One stage of a match: its name, the rows it handled, the seconds it took."""

    stage: str
    row_count: int
    seconds: float


class MatchJob(msgspec.Struct, frozen=True, tag=True):
    """Match one `MatchPaymentsRequest`, encoded."""

    request: bytes


class MatchDone(msgspec.Struct, frozen=True, tag=True):
    """One `MatchPaymentsResponse`, encoded."""

    response: bytes
    payments: PaymentCounts
    timings: list[StageTiming]


class StreamMatchJob(msgspec.Struct, frozen=True, tag=True):
    """Match the `StreamMatchPaymentsRequest` frames of a file into frames of another; with what is
    resident as of the snapshot at `snapshot_path`, where there is one.
    """

    requests_path: str
    responses_path: str
    snapshot_path: str = ""
    snapshot_version: int = 0


class StreamMatchDone(msgspec.Struct, frozen=True, tag=True):
    """The `StreamMatchPaymentsResponse` frames are written."""

    payments: PaymentCounts
    timings: list[StageTiming]


class ResidentMatchJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Match each of `requests` with what is resident, as of the snapshot in that file; where
    `may_postpone`, leave out those that would hold up the others.
    """

    snapshot_path: str
    snapshot_version: int
    requests: list[ResidentRequest]
    may_postpone: bool = False


class ResidentRequest(msgspec.Struct, frozen=True, array_like=True):
    """One `MatchResidentPaymentsRequest` or, with `explain`, `ExplainPaymentRequest`, encoded; and
    the companies its caller may see (None: all).
    """

    content: bytes
    explain: bool
    companies: list[str] | None


class ResidentAnswer(msgspec.Struct, frozen=True, array_like=True):
    """The response, encoded, or why there is none: an error, or it is left for another pass."""

    response: bytes
    failure: JobFailure | None
    is_postponed: bool = False


class ResidentMatchDone(msgspec.Struct, frozen=True, tag=True):
    """One answer per request, in their order."""

    answers: list[ResidentAnswer]
    payments: PaymentCounts
    timings: list[StageTiming]


class BuildSnapshotJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Write what the store holds, indexed, to `path`; as changes of the snapshot at `base_path`
    where there is one and few things changed.

    `hashes` are those of the base's files, by name, where they are not known to be whole;
    `from_store`: read all rows of the store again, trusting nothing that was read before.
    """

    path: str
    base_path: str = ""
    hashes: dict[str, str] = {}
    from_store: bool = False


class BuildSnapshotDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The snapshot is written, as part of `files`; `sha256` is the hash of its own one.

    `how`: anew, from changes, or not at all because the base is what the store holds.
    """

    how: Literal["anew", "changed", "same"]
    files: list[str]
    sha256: str
    open_item_count: int
    customer_count: int
    seconds: float


class CheckSnapshotJob(msgspec.Struct, frozen=True, tag=True):
    """Compare the sums of the snapshot at `path` with the store's."""

    path: str


class CheckSnapshotDone(msgspec.Struct, frozen=True, tag=True):
    """What differs, in words; `comparable`: the store has not moved on since. `cpu_seconds`: what
    it took of a core.
    """

    comparable: bool
    differences: list[str]
    cpu_seconds: float


class LoadTablesJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read the tables at these paths (empty: none) into the folder of resident tables.

    `hashes` are those of the tables an earlier server left there, by their names: what still has
    its hash is not read from the store again.
    """

    open_items: str
    customers: str
    bank_accounts: str
    hashes: dict[str, str] = {}
    loaded_at_ms: int = 0


class LoadTablesDone(msgspec.Struct, frozen=True, tag=True):
    """Rows of each resident table, and the hash of its file, by its name."""

    row_counts: dict[str, int]
    hashes: dict[str, str]


class BankFileJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read, match and keep one bank file; `file_id` is the hash of the bytes as they came.

    `run_id` is the run that this is the work of; empty where somebody waits for the answer. It is
    matched with the snapshot at `snapshot_path`, where there is one and it is still there.
    """

    content_path: str
    file_id: str
    file_name: str
    size_bytes: int
    received_at_ms: int
    request_id: str
    validate_only: bool
    run_id: str = ""
    snapshot_path: str = ""


class BankFileDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One `SubmitBankFileResponse`, encoded; `is_repeated`: the first answer to its request.

    `conflict_count`: how often the store changed under the match, which was made again.
    """

    response: bytes
    source_format: str
    payments: PaymentCounts
    exception_codes: dict[str, int]
    timings: list[StageTiming]
    is_repeated: bool = False
    conflict_count: int = 0


class FileResultJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Write what became of a kept file as frames of `GetBankFileResultResponse`."""

    file_id: str
    arrow: bool
    responses_path: str


class FileResultDone(msgspec.Struct, frozen=True, tag=True):
    """The frames are written."""

    frame_count: int


class ReadReferencesJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read the numbers somebody pasted for a payment."""

    identity: str
    text: str
    companies: tuple[str, ...] | None
    now_ms: int


class AttachRemittanceJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read what a payer said late of a payment, a text or a file, and match the payment with it.

    `snapshot_path` is what is resident.
    """

    identity: str
    text: str
    content: bytes
    file_name: str
    companies: tuple[str, ...] | None
    snapshot_path: str
    now_ms: int


class AttachRemittanceDone(msgspec.Struct, frozen=True, tag=True):
    """What is to be attached."""

    attachment: Attachment


class PaymentBytesJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Give the bytes of a payment."""

    identity: str
    context_bytes: int
    now_ms: int


class PaymentBytesDone(msgspec.Struct, frozen=True, tag=True):
    """One `GetPaymentBytesResponse`, encoded."""

    response: bytes


class ReadReferencesDone(msgspec.Struct, frozen=True, tag=True):
    """One `ReadReferencesResponse`, encoded."""

    response: bytes


class QuestionJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Look through the store for one answer; `request` is the encoded message of the call."""

    question: Literal["receivables", "expected_payments", "fact", "file_bytes"]
    request: bytes
    now_ms: int


class QuestionDone(msgspec.Struct, frozen=True, tag=True):
    """The response, encoded."""

    response: bytes


class ImportRowsJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Keep the open items or customers of one import.

    `header` is encoded; the other messages are frames of the file `parts_path`, whose hash is
    `parts_sha256`. `run_id` is the run that this is the work of, as of a bank file.
    """

    table: Literal["open_items", "customers"]
    header: bytes
    parts_path: str
    parts_sha256: str
    received_at_ms: int
    run_id: str = ""


class ImportRowsDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The response, encoded; `changed`: something is different in the store.

    `concerned`: company and customer of rows that are quoted, since they were refused.
    """

    response: bytes
    changed: bool
    concerned: list[tuple[str, str]] = []


class PostResultsJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Keep and post the result of a run: `header` is encoded, its files are frames of a file.

    `run_id` is what is done in the background.
    """

    header: bytes
    parts_path: str
    received_at_ms: int
    run_id: str = ""


class PostResultsDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The response, encoded; `changed`: something is different in the store.

    `conflict_count`: lines the store no longer allowed.
    """

    response: bytes
    changed: bool
    conflict_count: int = 0


class ReproposeRound(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier looks of one round have done: cases they examined, and what the first of them
    knew of. A round is over once no concerned case is left.
    """

    booking_number: int
    facts_state: str
    examined: tuple[str, ...] = ()


class ReproposeJob(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Match open cases again that changes may concern, with what is resident at `snapshot_path`.

    `round` is where earlier looks have left off; none where this one begins.
    """

    snapshot_path: str
    now_ms: int
    round: ReproposeRound | None = None


class ReproposeDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """How many cases were matched again, and how many have other proposals now.

    `cpu_seconds` is what the look cost, whatever else its machine had to do. `round` is for the
    next look, where cases are left for it.
    """

    examined_count: int
    reproposed_count: int
    cpu_seconds: float = 0.0
    round: ReproposeRound | None = None


class ClearingJob(msgspec.Struct, frozen=True, tag=True):
    """Prove the money of one kept bank file again."""

    file_id: str
    now_ms: int


class ClearingDone(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What the proof came to; `halted`: this one halted the tenant's posting."""

    outcome: Literal["proven", "partly", "unreadable", "violated"]
    message: str
    halted: bool


class JobFailure(msgspec.Struct, frozen=True, tag=True):
    """An error, with the reason it was raised for."""

    reason: str
    message: str
    metadata: dict[str, str]


Job = (
    MatchJob
    | StreamMatchJob
    | ResidentMatchJob
    | BuildSnapshotJob
    | CheckSnapshotJob
    | LoadTablesJob
    | BankFileJob
    | FileResultJob
    | ReadReferencesJob
    | PaymentBytesJob
    | QuestionJob
    | ClearingJob
    | AttachRemittanceJob
    | ImportRowsJob
    | PostResultsJob
    | ReproposeJob
)
Reply = (
    MatchDone
    | StreamMatchDone
    | ResidentMatchDone
    | BuildSnapshotDone
    | CheckSnapshotDone
    | LoadTablesDone
    | BankFileDone
    | FileResultDone
    | ReadReferencesDone
    | PaymentBytesDone
    | QuestionDone
    | ClearingDone
    | AttachRemittanceDone
    | ImportRowsDone
    | PostResultsDone
    | ReproposeDone
    | JobFailure
)


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A job with the call it is done for: whose data it may touch, and under which id it logs."""

    tenant: str
    caller: Caller | None
    request_id: str
    job: Job
