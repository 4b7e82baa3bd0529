"""`tieout version`: what is installed."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

__all__ = ["version_command"]

_LIBRARIES = ("click", "grpcio", "lxml", "msgspec", "numpy", "protobuf", "pyarrow", "rapidfuzz")


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every version.")
def version_command(*, as_json: bool) -> None:
    """Print the version of Tieout.

    With --json also the shape of the policy, Python and the libraries that results depend on.
    """
    version = metadata.version("tieout")
    if not as_json:
        click.echo(f"tieout {version}")
        return
    from engine.policy import POLICY_VERSION

    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    click.echo(
        json.dumps(
            {
                "tieout": version,
                "engine": version,
                "policy": POLICY_VERSION,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "libraries": libraries,
            },
            indent=2,
        )
    )
