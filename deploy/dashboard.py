#!/usr/bin/env python3
"""Writes the Grafana dashboard, `deploy/grafana/tieout.json`, from a table of panels.

Run it as `.venv/bin/python deploy/dashboard.py`. Tests compare the file with what is written, and
every metric a panel asks for with the table of metrics.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from rpc.metrics import METRICS, Metric

__all__ = ["DASHBOARD", "PANELS", "Panel", "dashboard", "every_panel", "main"]

DASHBOARD: Final = Path(__file__).resolve().parent / "grafana" / "tieout.json"

_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 24
_INTERVAL: Final = "$__rate_interval"


class Panel(NamedTuple):
    """One panel: title, unit of Grafana, and its queries by legend."""

    title: str
    unit: str
    queries: dict[str, str]


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[{_INTERVAL}]))"


def _quantile(share: str, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'{by}, le')})"


PANELS: Final = (
    Panel("Ready", "bool", {"{{instance}} {{condition}}": "tieout_condition"}),
    Panel(
        "Versions", "short", {"{{instance}} {{version}}, Python {{python}}": "tieout_build_info"}
    ),
    Panel(
        "Calls that ended, by code",
        "reqps",
        {"{{grpc_code}}": _rate("grpc_server_handled_total", "grpc_code")},
    ),
    Panel(
        "Calls in progress",
        "short",
        {
            "{{grpc_method}}": "sum by (grpc_method) (grpc_server_started_total) "
            "- sum by (grpc_method) (grpc_server_handled_total)"
        },
    ),
    Panel(
        "Seconds of a call, p99",
        "s",
        {"{{grpc_method}}": _quantile("0.99", "grpc_server_handling_seconds", "grpc_method")},
    ),
    Panel("Errors by reason", "reqps", {"{{reason}}": _rate("tieout_errors_total", "reason")}),
    Panel("Turned away, by reason", "reqps", {"{{reason}}": _rate("tieout_shed_total", "reason")}),
    Panel(
        "Bank files by outcome",
        "short",
        {
            "{{format}} {{outcome}}": "sum by (format, outcome) "
            f"(increase(tieout_files_received_total[{_INTERVAL}]))"
        },
    ),
    Panel("Bytes of bank files", "Bps", {"{{format}}": _rate("tieout_file_bytes_total", "format")}),
    Panel(
        "Seconds of reading a bank file, p99",
        "s",
        {"{{format}}": _quantile("0.99", "tieout_parse_seconds", "format")},
    ),
    Panel(
        "Bank files refused, by reason",
        "short",
        {"{{reason}}": f"sum by (reason) (increase(tieout_parse_rejects_total[{_INTERVAL}]))"},
    ),
    Panel("Payments matched", "short", {"{{source}}": _rate("tieout_payments_total", "source")}),
    Panel(
        "Payments by what became of them",
        "short",
        {"{{outcome}}": _rate("tieout_payments_total", "outcome")},
    ),
    Panel(
        "Share of cash applied, a day",
        "percentunit",
        {
            "{{currency}}": "sum by (currency) "
            '(rate(tieout_payment_amount_minor_total{bucket="applied"}[1d])) '
            "/ sum by (currency) (rate(tieout_payment_amount_minor_total[1d]))"
        },
    ),
    Panel(
        "Exceptions by code",
        "short",
        {"{{code}}": f"sum by (code) (increase(tieout_exceptions_total[{_INTERVAL}]))"},
    ),
    Panel(
        "Exceptions that wait, by age",
        "short",
        {"{{age}}": "sum by (age) (tieout_exceptions_open)"},
    ),
    Panel(
        "Age of exceptions when they are decided on",
        "s",
        {
            "p50": _quantile("0.5", "tieout_exception_age_seconds", "instance"),
            "p95": _quantile("0.95", "tieout_exception_age_seconds", "instance"),
        },
    ),
    Panel(
        "Cash that waits for a decision",
        "short",
        {"{{currency}}, minor units": "sum by (currency) (tieout_unapplied_minor)"},
    ),
    Panel(
        "What had changed under a posting",
        "short",
        {"{{source}}": f"sum by (source) (increase(tieout_posting_conflicts_total[{_INTERVAL}]))"},
    ),
    Panel(
        "Candidates of a match, p95",
        "short",
        {"p95": _quantile("0.95", "tieout_match_candidates", "instance")},
    ),
    Panel(
        "Events that receivers have yet to get",
        "short",
        {
            "pending": "sum(tieout_outbox_pending)",
            "messages waiting": "sum(tieout_webhook_waiting)",
        },
    ),
    Panel(
        "Seconds from effect to receiver, p95",
        "s",
        {"p95": _quantile("0.95", "tieout_outbox_delivery_seconds", "instance")},
    ),
    Panel(
        "Searches stopped at their limit",
        "short",
        {"stopped": f"sum(increase(tieout_searches_stopped_total[{_INTERVAL}]))"},
    ),
    Panel(
        "Seconds of a stage, p95",
        "s",
        {"{{stage}}": _quantile("0.95", "tieout_stage_seconds", "stage")},
    ),
    Panel("Rows per stage", "rowsps", {"{{stage}}": _rate("tieout_stage_rows_total", "stage")}),
    Panel("Rows of resident tables", "short", {"{{table}}": "tieout_resident_rows"}),
    Panel(
        "Jobs that wait, workers",
        "short",
        {
            "waiting": "sum(tieout_queue_depth)",
            "workers": "sum(tieout_workers)",
            "lost": f"sum(increase(tieout_workers_lost_total[{_INTERVAL}]))",
            "web lost": f"sum(increase(tieout_web_lost_total[{_INTERVAL}]))",
        },
    ),
    Panel(
        "Money that does not add up, tenants halted",
        "short",
        {
            "{{invariant}}": f"sum by (invariant) "
            f"(increase(tieout_invariant_violations_total[{_INTERVAL}]))",
            "halted": "sum(tieout_posting_halted)",
        },
    ),
    Panel(
        "Clearing proofs",
        "short",
        {"{{outcome}}": _rate("tieout_clearing_proofs_total", "outcome")},
    ),
    Panel("Audit leaves in no block yet", "short", {"unsealed": "sum(tieout_audit_unsealed)"}),
    Panel(
        "Memory",
        "bytes",
        {
            "{{instance}} front": "tieout_server_memory_bytes",
            "{{instance}} workers": "tieout_worker_memory_bytes",
            "{{instance}} web": "tieout_web_memory_bytes",
        },
    ),
    Panel("Tasks of the event loop", "short", {"{{instance}}": "tieout_server_tasks"}),
    Panel("Lag of the event loop", "s", {"{{instance}}": "tieout_loop_lag_seconds"}),
)
"""Panels that somebody thought about, left to right and top to bottom."""


def every_panel() -> tuple[Panel, ...]:
    """`PANELS`, and one for each metric that none of them shows."""
    shown = " ".join(query for panel in PANELS for query in panel.queries.values())
    return (*PANELS, *(_plain(metric) for metric in METRICS if metric.name not in shown))


def _plain(metric: Metric) -> Panel:
    """A metric as it is: gauges by label, counters by their increase, seconds by p95."""
    by = ", ".join(metric.labels) or "instance"
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels or ("instance",))
    title = metric.help.rstrip(".")
    if metric.kind == "gauge":
        return Panel(title, "short", {legend: f"sum by ({by}) ({metric.name})"})
    if metric.kind == "histogram":
        return Panel(title, "s", {legend: _quantile("0.95", metric.name, by)})
    return Panel(title, "short", {legend: f"sum by ({by}) (increase({metric.name}[{_INTERVAL}]))"})


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    content = {
        "title": "Tieout",
        "uid": "tieout",
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "tags": ["generated by deploy/dashboard.py"],
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
            ]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(every_panel())],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    across = _COLUMNS // _WIDTH
    place = {"x": number % across * _WIDTH, "y": number // across * _HEIGHT}
    return {
        "id": number + 1,
        "title": panel.title,
        "type": "timeseries",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": place | {"w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend}
            for at, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def main() -> int:
    """Write the dashboard; gives the exit code."""
    DASHBOARD.write_text(dashboard(), encoding="utf-8")
    sys.stdout.write(f"{DASHBOARD}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
