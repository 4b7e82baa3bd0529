"""One file sent many times at once, while the server is killed: it is there exactly once."""

import threading
import time

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.store.raw_rows import raw_rows
from tieout.client import Client, Retrying

pytestmark = pytest.mark.xdist_group("server")

PATIENT = Retrying(attempts=200, first_seconds=0.1, longest_seconds=2)
ITEMS = "open_item_id,company_id,customer_id,document_number,currency,open_amount\n"


def submitted(address, content, number, receipts, errors):
    """One caller: his own name for the file, his own request id, patient."""
    with Client(address, retrying=PATIENT, timeout_seconds=900) as client:
        try:
            answer = client.submit_bank_file(content, f"copy-{number}.bai")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)
        else:
            receipts.append(answer.bank_file.SerializeToString(deterministic=True))


def many_times(folder, url, payments, callers, kills):
    """Send a file of so many payments; gives the receipts."""
    rows = [f"I-{one},K,C-1,INV-{900_000 + one},USD,{one + 1}.00" for one in range(payments)]
    content = bai2_file(
        *((100 * (one + 1), f"INV-{900_000 + one}") for one in range(payments)), account="MANY"
    )
    (folder / "items.csv").write_text(ITEMS + "\n".join(rows) + "\n")
    given = {"TIEOUT_OPEN_ITEMS": str(folder / "items.csv"), "TIEOUT_WORKERS": "2"}
    given["TIEOUT_STORE"] = url
    server = RunningServer(folder, **given)
    receipts, errors = [], []
    threads = [
        threading.Thread(
            target=submitted, args=(server.address, content, one, receipts, errors), daemon=True
        )
        for one in range(callers)
    ]
    for one in threads:
        one.start()
    for seconds in kills:
        time.sleep(seconds)
        server.kill()
        server = RunningServer(folder, TIEOUT_GRPC_ADDRESS=server.address, **given)
    for one in threads:
        one.join()
    assert errors == []
    server.terminate()
    return receipts


def check(url, receipts, payments, callers):
    assert len(receipts) == callers
    assert len(set(receipts)) == 1, "every caller got the same receipt"

    def count(what):
        ((found,),) = raw_rows(url, f"SELECT count(*) FROM {what}")
        return found

    assert count("bank_file") == 1
    assert count("payment") == payments
    assert count("event WHERE kind = 'bank_file.processed'") == 1
    assert count("audit_leaf WHERE kind = 'bank_file'") == 1
    assert count("open_item WHERE open_minor <> 0") == 0
    assert count("posting") == payments
    ((applied,),) = raw_rows(url, "SELECT sum(applied_minor) FROM posting")
    assert applied == 100 * payments * (payments + 1) // 2


def test_a_file_sent_many_times_while_the_server_is_killed_is_one_run(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    receipts = many_times(tmp_path, url, payments=400, callers=12, kills=(0.15, 0.3))
    check(url, receipts, payments=400, callers=12)


@pytest.mark.long
def test_ten_thousand_payments_fifty_times_at_once(tmp_path, store_url):
    receipts = many_times(
        tmp_path, store_url, payments=10_000, callers=50, kills=(0.5, 1.5, 3.0, 2.0, 5.0)
    )
    check(store_url, receipts, payments=10_000, callers=50)
