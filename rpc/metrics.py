"""Every metric of the server: one table, one registry. Labels are bounded; no id is ever one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rpc.tracing import trace_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rpc.jobs import StageTiming
    from rpc.tracing import Tracing

__all__ = ["METRICS", "CallMeasure", "Metric", "Metrics"]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_AGES: Final = (
    60,
    600,
    _HOUR,
    4 * _HOUR,
    _DAY,
    2 * _DAY,
    5 * _DAY,
    10 * _DAY,
    30 * _DAY,
    90 * _DAY,
)
_DELIVERIES: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, _HOUR, 6 * _HOUR, _DAY)
_NUMBERS: Final = (0, 1, 3, 10, 30, 100, 300, 1_000, 10_000, 100_000, 1_000_000)

_CANDIDATES_STAGE: Final = "settle"
"""The stage whose rows are the candidates of a match."""


class Metric(msgspec.Struct, frozen=True):
    """One row of the table; `unit` and meaning are in the help text, `bounds` are a histogram's."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = _SECONDS


_CALL: Final = ("grpc_type", "grpc_service", "grpc_method")

METRICS: Final = (
    Metric("grpc_server_started_total", "counter", _CALL, "Calls that began."),
    Metric(
        "grpc_server_handled_total",
        "counter",
        (*_CALL, "grpc_code"),
        "Calls that ended, by status code.",
    ),
    Metric("grpc_server_handling_seconds", "histogram", _CALL, "Seconds from call to end."),
    Metric(
        "tieout_errors_total", "counter", ("reason",), "Calls that ended with an error, by reason."
    ),
    Metric(
        "tieout_shed_total",
        "counter",
        ("reason",),
        "Calls turned away to protect the others, by reason.",
    ),
    Metric(
        "tieout_files_received_total",
        "counter",
        ("format", "outcome"),
        "Bank files by format and outcome: processed, already_processed, validated, refused.",
    ),
    Metric(
        "tieout_file_bytes_total",
        "counter",
        ("format",),
        "Bytes of bank files received, by format; unknown where a file was refused.",
    ),
    Metric(
        "tieout_parse_seconds", "histogram", ("format",), "Seconds of reading one file, by format."
    ),
    Metric("tieout_parse_rejects_total", "counter", ("reason",), "Bank files refused, by reason."),
    Metric(
        "tieout_payments_total",
        "counter",
        ("source", "outcome"),
        "Payments matched, by source and outcome: auto (nothing is left to decide), proposed, "
        "exception (nothing to propose).",
    ),
    Metric(
        "tieout_payment_amount_minor_total",
        "counter",
        ("currency", "bucket"),
        "Cash of processed bank files by where it went, in minor units.",
    ),
    Metric("tieout_exceptions_total", "counter", ("code",), "Exceptions raised on bank files."),
    Metric(
        "tieout_exceptions_open",
        "gauge",
        ("code", "age"),
        "Exceptions that wait, by code and by how many days they have waited at least.",
    ),
    Metric(
        "tieout_exception_age_seconds",
        "histogram",
        (),
        "Seconds from the raising of an exception to the act that left nothing of it to decide.",
        _AGES,
    ),
    Metric(
        "tieout_unapplied_minor",
        "gauge",
        ("currency",),
        "Cash of exceptions that wait: on no item, and nobody has decided on it; in minor units.",
    ),
    Metric(
        "tieout_posting_conflicts_total",
        "counter",
        ("source",),
        "Times the store had changed under what was to be posted, by source: bank_file (matched "
        "again), result (lines left to a clerk), desk (refused).",
    ),
    Metric(
        "tieout_cases_reproposed_total",
        "counter",
        (),
        "Open cases that have other proposals because new evidence came.",
    ),
    Metric("tieout_server_tasks", "gauge", (), "Tasks of the server's event loop."),
    Metric(
        "tieout_searches_stopped_total",
        "counter",
        (),
        "Searches for sets of items that ended at their limit of operations (AMB-LIMIT).",
    ),
    Metric(
        "tieout_match_candidates",
        "histogram",
        (),
        "Candidates of one match: sets of open items that were judged.",
        _NUMBERS,
    ),
    Metric(
        "tieout_stage_seconds",
        "histogram",
        ("stage",),
        "Seconds of each stage of a match, from parse to record.",
    ),
    Metric(
        "tieout_stage_rows_total", "counter", ("stage",), "Rows that each stage of a match handled."
    ),
    Metric("tieout_resident_rows", "gauge", ("table",), "Rows of the server's own tables."),
    Metric(
        "tieout_queue_depth",
        "gauge",
        ("queue",),
        "Jobs that wait for a worker, by who waits: interactive, batch, upkeep (nobody).",
    ),
    Metric("tieout_match_passes_total", "counter", (), "Passes in which resident calls matched."),
    Metric("tieout_snapshot_version", "gauge", (), "Version of the resident open items."),
    Metric("tieout_snapshot_seconds", "gauge", (), "Seconds the latest snapshot took to build."),
    Metric(
        "tieout_snapshots_total",
        "counter",
        ("how",),
        "Snapshots by how they were made: anew, changed, or same where nothing had to be.",
    ),
    Metric(
        "tieout_snapshot_lag_seconds",
        "gauge",
        (),
        "Age of the oldest change that resident items do not know of yet.",
    ),
    Metric("tieout_workers", "gauge", (), "Workers that are there."),
    Metric("tieout_audit_unsealed", "gauge", (), "Audit leaves that are in no block yet."),
    Metric(
        "tieout_clearing_proofs_total",
        "counter",
        ("outcome",),
        "Files whose money was derived again, by outcome: proven, partly, unreadable, violated.",
    ),
    Metric(
        "tieout_invariant_violations_total",
        "counter",
        ("invariant",),
        "Times money did not add up; page somebody on the first.",
    ),
    Metric("tieout_posting_halted", "gauge", (), "Tenants for which nothing may be posted."),
    Metric("tieout_workers_lost_total", "counter", (), "Workers that ended before they answered."),
    Metric("tieout_worker_memory_bytes", "gauge", (), "Resident memory of all workers."),
    Metric("tieout_web_lost_total", "counter", (), "Web processes that ended by themselves."),
    Metric("tieout_web_memory_bytes", "gauge", (), "Resident memory of the web process."),
    Metric(
        "tieout_webhook_attempts_total",
        "counter",
        ("outcome",),
        "Attempts to deliver a message to a webhook, by outcome: delivered, failed, timeout, ….",
    ),
    Metric(
        "tieout_outbox_pending",
        "gauge",
        (),
        "Events that a webhook has yet to get: not looked at, or their messages wait.",
    ),
    Metric(
        "tieout_outbox_delivery_seconds",
        "histogram",
        (),
        "Seconds from the effect an event tells of to a receiver's confirmation.",
        _DELIVERIES,
    ),
    Metric("tieout_webhook_waiting", "gauge", (), "Messages to webhooks that wait."),
    Metric(
        "tieout_webhook_oldest_seconds",
        "gauge",
        (),
        "How long the oldest message has waited for its webhook.",
    ),
    Metric("tieout_webhooks_lost_total", "counter", (), "Processes of webhooks that ended."),
    Metric("tieout_server_memory_bytes", "gauge", (), "Resident memory of the front process."),
    Metric(
        "tieout_loop_lag_seconds",
        "gauge",
        (),
        "How late the event loop's last tick was: what every call waits at least.",
    ),
    Metric(
        "tieout_condition",
        "gauge",
        ("condition",),
        "Whether a condition of readiness holds: 1 or 0.",
    ),
    Metric("tieout_build_info", "gauge", ("version", "python"), "Always 1; what runs here."),
)
"""All metrics, in the order they are documented."""


class Metrics:
    """The registry and its metrics by name."""

    def __init__(self) -> None:
        """A fresh registry; nothing is shared with other instances."""
        self.registry = CollectorRegistry()
        self._tracing: Tracing | None = None
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in METRICS:
            where = (metric.name, metric.help, metric.labels)
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(*where, registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[metric.name] = Gauge(*where, registry=self.registry)
            else:
                self._histograms[metric.name] = Histogram(
                    *where, registry=self.registry, buckets=metric.bounds
                )

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def counter(self, name: str) -> Counter:
        """A counter of the table."""
        return self._counters[name]

    def histogram(self, name: str) -> Histogram:
        """A histogram of the table."""
        return self._histograms[name]

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def watch(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let `read` give the value of a gauge whenever it is asked for."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def trace_by(self, tracing: Tracing | None) -> None:
        """Have stages that belong to no call's span leave one of their own."""
        self._tracing = tracing

    def observe_stages(self, timings: Iterable[StageTiming]) -> None:
        """Add the stages of one match, to the span of its call as well, or to one of the batch."""
        timings = list(timings)
        trace_stages(timings, self._tracing)
        for timing in timings:
            self.observe("tieout_stage_seconds", timing.seconds, stage=timing.stage)
            self.count("tieout_stage_rows_total", timing.row_count, stage=timing.stage)
            if timing.stage == _CANDIDATES_STAGE:
                self.observe("tieout_match_candidates", timing.row_count)


class CallMeasure:
    """The metrics of one method, found once: they are counted twice in every call."""

    def __init__(self, metrics: Metrics, labels: Mapping[str, str]) -> None:
        """Measure the method of these labels."""
        self.labels = dict(labels)
        self._metrics = metrics
        self._started = metrics.counter("grpc_server_started_total").labels(**labels)
        self._seconds = metrics.histogram("grpc_server_handling_seconds").labels(**labels)
        self._handled: dict[str, Counter] = {}

    def started(self) -> None:
        """A call began."""
        self._started.inc()

    def handled(self, code: str, seconds: float) -> None:
        """A call ended with `code`."""
        counter = self._handled.get(code)
        if counter is None:
            every = self._metrics.counter("grpc_server_handled_total")
            counter = self._handled[code] = every.labels(**self.labels, grpc_code=code)
        counter.inc()
        self._seconds.observe(seconds)
