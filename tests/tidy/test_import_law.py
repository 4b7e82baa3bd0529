"""Who may import whom: the contracts in pyproject.toml hold, and each turns red when broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from source_files import PRODUCT, ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["contracts"]}
LINT = (
    "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(no_cache=True, no_logo=True))"
)


def lint(folder):
    """Exit code and text of import-linter over the packages in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def verdicts(text):
    """Contract name → KEPT or BROKEN."""
    found = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", text, re.MULTILINE)
    return {name: verdict for name, verdict in found if name in CONTRACTS}


@pytest.fixture(scope="module")
def lawful(tmp_path_factory):
    """A copy of the packages and of the contracts."""
    folder = tmp_path_factory.mktemp("lawful")
    for name in (*PRODUCT, "pyproject.toml"):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def trespass(contract):
    """Module that breaks `contract`, and the imports it does so with."""
    if contract["type"] == "independence":
        return contract["modules"][0], contract["modules"][1:]
    return contract["source_modules"][0], contract["forbidden_modules"]


def test_the_law_holds():
    code, text = lint(ROOT)
    assert verdicts(text) == dict.fromkeys(CONTRACTS, "KEPT"), text
    assert code == 0, text


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_forbidden_import_turns_its_contract_red(lawful, name):
    module, imports = trespass(CONTRACTS[name])
    path = lawful.joinpath(*module.split("."))
    path = path / "trespasser.py" if path.is_dir() else path.with_suffix(".py")
    before = path.read_text("utf-8") if path.exists() else None
    lines = "".join(f"import {one}\n" for one in imports)
    path.write_text(f"{before or ''}\n{lines}", "utf-8")
    try:
        code, text = lint(lawful)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, "utf-8")
    assert code == 1, text
    assert verdicts(text)[name] == "BROKEN", text
    unnoticed = [one for one in imports if f"-> {one} " not in text]
    assert not unnoticed, f"{name}: {unnoticed} may be imported unnoticed\n{text}"


def test_every_package_is_a_source_of_some_contract():
    bound = {one for contract in CONTRACTS.values() for one in contract.get("source_modules", [])}
    packages = {name for name in PRODUCT if "." not in name}
    assert packages <= {one.split(".")[0] for one in bound}
