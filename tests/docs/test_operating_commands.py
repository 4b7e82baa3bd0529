"""Every command of the pages for operators, run as it stands there, outside of a container.

Only places are others: `/etc`, `/var`, `/srv` and the like are folders of the test, hosts are this
one, and today is the day of the page. What a page cannot know (a key's id) is put in its place.
"""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.clerks_world import ACCOUNT, statement_of
from tieout.client import Client

pytestmark = pytest.mark.xdist_group("server")

PAGES = Path(__file__).resolve().parents[2] / "docs"
PROGRAMS = Path(sys.executable).parent
PLACES = re.compile(r"(?<![\w.])/(etc|srv|var|media|usr|opt)/")
TODAY = "2026-10-30"
FACT_ID = r"\b[0-9a-f]{16}\b"
ITEMS = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount
I-1,1000,C-104711,INV-20431,USD,100.00
"""
MASTER = "customer_id,company_id,name\nC-104711,1000,Zwirnfeld Quarz AG\n"
ACCOUNTS = "bank_account,company_id,currency\n98765,1000,USD\n"
DATE = f'date() {{ command date -d {TODAY} "$@"; }}'

NOT_RUN = {
    "cluster.md": "tests/cluster/ runs `tieout cluster match`; here is no Hadoop",
    "permissions.md": "a page without commands",
}
"""Pages whose commands run elsewhere, and where."""


def commands_of(page):
    """The commands of a page, lines that go on joined, without their comments."""
    text = (PAGES / page).read_text("utf-8")
    found = []
    for block in re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        lines = re.sub(r"\\\n\s*", " ", block).splitlines()
        found += [re.sub(r"^\$ |\s+# .*$", "", line) for line in lines]
    return [line for line in found if line and not line.startswith("#")]


class Machine:
    """Folders of its own in place of the system's, and a shell there."""

    def __init__(self, root):
        self.root = root
        for name in ("etc/tieout", "var/lib/tieout", "var/backups/tieout", "media", "work"):
            (root / name).mkdir(parents=True)
        for name in ("srv/auditors", "srv/elsewhere", "srv/bank/in", "srv/bank/today"):
            (root / name).mkdir(parents=True)
        for name in ("usr/local/share/man/man1", "etc/bash_completion.d"):
            (root / name).mkdir(parents=True)
        self.cwd = root / "work"
        self.store = f"sqlite:///{root}/var/lib/tieout/tieout.db"
        self.environment = {
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "HOME": str(root),
            "TIEOUT_STORE": self.store,
            "XDG_STATE_HOME": str(root / "state"),
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_HTTP_ADDRESS": "",
        }

    def placed(self, line):
        return PLACES.sub(rf"{self.root}/\1/", line)

    def start(self, line, **environment):
        return subprocess.Popen(
            ["bash", "-c", f"{DATE}\nexec {self.placed(line)}"],
            cwd=self.cwd,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, line, code=0, **environment):
        """What a command said; it ended with `code`."""
        done = subprocess.run(
            ["bash", "-c", f"{DATE}\n{self.placed(line)}"],
            cwd=self.cwd,
            env=self.environment | environment,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (line, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def write(self, path, text):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o600)
        return place


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def served(machine, settings):
    """A server that read a file of one payment, and ended."""
    machine.write("etc/tieout/items.csv", ITEMS)
    machine.write("etc/tieout/customers.csv", MASTER)
    machine.write("etc/tieout/accounts.csv", ACCOUNTS)
    folder = machine.root / "run"
    folder.mkdir()
    with RunningServer(folder, settings) as server, Client(server.address) as client:
        content = bai2_file((10_000, "INV-20431"), (5_000, "THANK YOU"), account="98765")
        assert client.submit_bank_file(content, "day.bai").bank_file.payment_count == 2
        assert server.terminate() == 0


def settings_of(machine, more=""):
    return f"""
[store]
url = "{machine.store}"
{more}
[tables]
open_items = "{machine.root}/etc/tieout/items.csv"
customers = "{machine.root}/etc/tieout/customers.csv"
bank_accounts = "{machine.root}/etc/tieout/accounts.csv"
"""


def test_every_page_for_operators_is_run_or_says_where():
    pages = {path.name for path in (PAGES / "operating").glob("*.md")} | {"operating.md"}
    run = {name.removesuffix(".md") for name in pages - NOT_RUN.keys()}
    tests = {name for name in globals() if name.startswith("test_commands_of_")}
    assert {name.removeprefix("test_commands_of_").replace("_", "-") for name in tests} == run
    assert commands_of("operating/permissions.md") == []


def test_commands_of_audit_and_encryption(machine):
    head, *lines = commands_of("operating/audit-and-encryption.md")
    machine.run(head)
    keys = f"{machine.root}/etc/tieout"
    sealing, new_key, purge_on = lines[6], lines[7], lines[8:]
    assert sealing == "tieout store new-key /etc/tieout/encryption.keys"
    machine.run(sealing)
    more = f'audit_key_file = "{keys}/audit.key"\nencryption_key_file = "{keys}/encryption.keys"'
    served(machine, settings_of(machine, more))
    # An auditor has the public key and the head where they look from.
    (machine.cwd / "audit.pub").symlink_to(machine.root / "srv/auditors/audit.pub")
    (machine.cwd / f"{TODAY}.json").symlink_to(machine.root / f"srv/elsewhere/{TODAY}.json")
    sealed = {"TIEOUT_ENCRYPTION_KEY_FILE": f"{keys}/encryption.keys"}
    for line in lines[:4]:
        machine.run(line)
    verify, resume = lines[4:6]
    assert "1 file" in machine.run(verify, **sealed)
    machine.run(resume, **sealed)
    before = (machine.root / "etc/tieout/encryption.keys").read_text()
    # Keys are named by their day; this one is of the same.
    machine.run(f"{new_key} --name next")
    after = (machine.root / "etc/tieout/encryption.keys").read_text()
    assert after.endswith(before)
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    rotate, purge, erase = purge_on
    said = [machine.run(line, **sealed) for line in (rotate, purge, erase, erase)]
    assert re.match(r"[1-9]\d* data keys wrapped anew", said[0])
    assert "contents: 0" in said[1]
    assert re.match(r"[1-9]\d* keys destroyed", said[2])
    assert said[3].startswith("0 keys destroyed"), "they are gone"


def test_commands_of_configuration(machine):
    check, serve = commands_of("operating/configuration.md")
    machine.write("etc/tieout/items.csv", ITEMS)
    machine.write("etc/tieout/customers.csv", MASTER)
    machine.write("etc/tieout/accounts.csv", ACCOUNTS)
    server = '[server]\ngrpc_address = "127.0.0.1:0"\nmetrics_address = "127.0.0.1:0"\n'
    server += 'http_address = ""\n'
    machine.write("etc/tieout/tieout.toml", server + settings_of(machine))
    machine.run(check)
    serves_until_asked(machine, serve)


def serves_until_asked(machine, line):
    """A server starts, says so, and ends with 0 on SIGTERM."""
    started = machine.start(line)
    said = ""
    while "gRPC on" not in said:
        more = started.stderr.readline()
        assert more, said
        said += more
    time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    _, rest = started.communicate(timeout=60)
    assert started.returncode == 0, said + rest


def test_commands_of_deployment(machine):
    (doctor,) = commands_of("operating/deployment.md")
    for name, text in (("items", ITEMS), ("customers", MASTER), ("accounts", ACCOUNTS)):
        machine.write(f"etc/tieout/{name}.csv", text)
    server = '[server]\ngrpc_address = "127.0.0.1:0"\nmetrics_address = "127.0.0.1:0"\n'
    machine.write("etc/tieout/tieout.toml", server + settings_of(machine))
    assert "migrations" in machine.run(doctor) or "made at the first start" in machine.run(doctor)


def test_commands_of_jobs(machine):
    watch, copied, *systemd, submit, completion, manual = commands_of("operating/jobs.md")
    assert [line.split()[0] for line in (copied, *systemd)] == ["cp", "systemctl", "systemctl"]
    machine.write("etc/tieout/items.csv", ITEMS)
    machine.write("etc/tieout/watch.key", "tk_none\n")
    folder = machine.root / "run"
    folder.mkdir()
    with RunningServer(folder) as server:
        here = server.address
        for number, name in enumerate(("in/a.bai", "today/b.xml")):
            content = bai2_file((4_000 + number, f"TEXT {number}"), account=f"JOBS{number}")
            (machine.root / "srv/bank" / name).write_bytes(content)
        assert "b.xml" in machine.run(submit.replace("treasury:50051", here))
        once = watch.replace("treasury:50051", here).replace(
            "--api-key-file /etc/tieout/watch.key", ""
        )
        machine.run(f"{once} --once")
        assert not (machine.root / "srv/bank/in/a.bai").exists(), "it was taken"
        assert server.terminate() == 0
    machine.run(completion)
    machine.run(manual)
    assert "tieout" in (machine.root / "etc/bash_completion.d/tieout").read_text()
    assert (machine.root / "usr/local/share/man/man1/tieout.1").read_text().startswith(".")


def test_commands_of_security(machine):
    new, listed, revoke, add, users, disable = commands_of("operating/security.md")
    said = machine.run(new)
    key_id = re.search(r"tk_[0-9a-f]+", said)[0]
    assert key_id in machine.run(listed)
    machine.run(revoke.replace("tk_5f0c81d2a97b", key_id))
    assert "revoked" in machine.run(listed) or key_id not in machine.run(listed)
    store = {"TIEOUT_STORE": "sqlite:///tieout.db"}
    words = "four words that nobody guesses"
    machine.run(f"{add} --file - <<< '{words}'", **store)
    assert "m.weber" in machine.run(users, **store)
    machine.run(f"{add.replace('m.weber', 'j.kim')} --file - <<< '{words}'", **store)
    machine.run(disable, **store)


def test_commands_of_store(machine, postgresql):
    check, backup, restore = commands_of("operating/store.md")
    served(machine, settings_of(machine))
    url = postgresql.new_database()
    machine.run(f"tieout store migrate --store '{url}'")
    assert "tieout store check" in check
    machine.run(re.sub(r"postgresql://\S+", f"'{url}'", check))
    machine.run(backup)
    machine.run(restore)
    first = machine.run("tieout store check --store sqlite:////var/lib/tieout/tieout.db")
    again = machine.run("tieout store check --store sqlite:////var/lib/tieout/restored.db")
    assert first.replace("tieout.db", "restored.db") == again


def test_commands_of_operating(machine):
    match, learn, listed, revoke, serve, submit = commands_of("operating.md")
    assert (match.split()[1], learn.split()[1], listed.split()[2]) == ("match", "memory", "list")
    bank = machine.cwd / "bank" / TODAY
    bank.mkdir(parents=True)
    rows = [
        ("100.00", "Zwirnfeld Quarz AG", "DE75512108001245126199", "INV-20431"),
        ("50.00", "Q Holding", "DE21500105176484316893", "THANK YOU"),
    ]
    (bank / "day.xml").write_bytes(statement_of(rows, "S-1", TODAY))
    erp = machine.cwd / "erp"
    erp.mkdir()
    (erp / "remittances.csv").write_text("remittance_id,reference\nR-1,INV-99999\n")
    (erp / "customers.csv").write_text(MASTER)
    (erp / "bank_accounts.csv").write_text(
        f"bank_account,company_id,currency\n{ACCOUNT},1000,EUR\n"
    )
    columns = {
        name: [value]
        for name, value in zip(*(row.split(",") for row in ITEMS.splitlines()), strict=True)
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), erp / "open_items.parquet")
    (machine.cwd / "tieout.toml").write_text("[automation]\nwrong_budget = 0.0001\n")
    assert "2 payments" in machine.run(match)
    (machine.cwd / "memory").symlink_to(machine.root / "var/lib/tieout/memory")
    paid = pyarrow.parquet.read_table(machine.cwd / "runs" / TODAY / "payments.parquet")
    unknown = next(one for one in paid.to_pylist() if one["status"] != "applied")
    (machine.cwd / "decisions.csv").write_text(
        f"payment_id,decision,customer_id\n{unknown['payment_id']},accept,C-104711\n"
    )
    machine.run(learn)
    fact = re.search(FACT_ID, machine.run(listed.replace("104711", "C-104711")))[0]
    machine.run(revoke.replace("5f0c81d2a97b3e64", fact))
    serves_until_asked(machine, serve)
    folder = machine.root / "run"
    folder.mkdir()
    with RunningServer(folder) as server:
        machine.run(submit, TIEOUT_SERVER=server.address)
        assert server.terminate() == 0
