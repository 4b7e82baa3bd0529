#!/usr/bin/env python3
"""Known vulnerabilities of everything the locks name, and a bill of materials: `make audit`.

The database is PyPI's own, asked through pip-audit. Before anything is believed, a release with
known vulnerabilities is asked about: a mirror that answers without knowing anything would otherwise
pass everything. Where the database cannot be asked, this fails and says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

__all__ = ["LOCKS", "SBOM", "main"]

ROOT: Final = Path(__file__).resolve().parent.parent
LOCKS: Final = (
    "requirements.lock",
    "deploy/requirements.lock",
    "deploy/client/requirements.lock",
    "tests/requirements.lock",
    "tests/fuzz/requirements.lock",
    "proto/requirements.lock",
    "bench/requirements.lock",
    "bench/combinations.lock",
    "bench/names.lock",
    "deploy/audit.lock",
)
"""What a run, the container, the client alone, the tests, the fuzzer, code generation, the peers of
the bench and this audit install."""

SBOM: Final = ROOT / "dist" / "tieout.cdx.json"
_KNOWN_BAD: Final = "pyyaml==5.1"
"""Executes code from a document it loads (CVE-2020-1747), known since 2020."""


def main() -> int:
    """Write the bill of materials, then audit every lock; gives the exit code."""
    _write_sbom()
    sys.stdout.write(f"{SBOM.relative_to(ROOT)}: what a run installs\n")
    try:
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder, "probe.txt")
            probe.write_text(f"{_KNOWN_BAD}\n", "utf-8")
            if not _findings(probe, "--no-deps"):
                return _fail(
                    f"the database knows nothing about {_KNOWN_BAD}, which is known to be "
                    "vulnerable: it is empty or no database, and nothing was audited"
                )
        found = [
            (lock, one) for lock in LOCKS for one in _findings(ROOT / lock, "--require-hashes")
        ]
    except RuntimeError as error:
        return _fail(f"the vulnerability database cannot be asked; nothing was audited: {error}")
    for lock, one in found:
        sys.stdout.write(f"{lock}: {one}\n")
    sys.stdout.write(f"{len(LOCKS)} locks, {len(found)} known vulnerabilities\n")
    return 1 if found else 0


def _findings(lock: Path, *options: str) -> list[str]:
    """One line per vulnerability; raises `RuntimeError` where the database did not answer."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run(  # noqa: S603 - our own words
        [*command, *options, "--format", "json", "--requirement", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        raise RuntimeError(last[0]) from None
    skipped = [one for one in told["dependencies"] if "skip_reason" in one]
    if skipped or not told["dependencies"]:
        message = f"{len(skipped)} of {len(told['dependencies'])} packages of {lock.name} skipped: "
        message += skipped[0]["skip_reason"] if skipped else "none were read"
        raise RuntimeError(message)
    return [
        f"{one['name']} {one['version']}: {known['id']}, mended in {known['fix_versions']}"
        for one in told["dependencies"]
        for known in one["vulns"]
    ]


def _write_sbom() -> None:
    """CycloneDX of what a run installs, with hashes."""
    SBOM.parent.mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603 - our own words
        [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
            *(str(ROOT / "requirements.lock"), "--pyproject", str(ROOT / "pyproject.toml")),
            *("--output-format", "JSON", "--output-reproducible", "--output-file", str(SBOM)),
        ],
        check=True,
    )


def _fail(sentence: str) -> int:
    sys.stderr.write(f"audit: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
