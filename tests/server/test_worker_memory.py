"""A job that needs more memory than a worker may take ends; the worker does not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from engine.policy import PolicyBook
from rpc.jobs import JobFailure, MatchDone, MatchJob, TenantSettings, WorkOrder, WorkerSettings
from rpc.worker_process import JobRunner, _limit_memory
from engine.matcher import match_payments
from tests.server.requests import match_request

hungry = [True]

def match(match_input, observe):
    if hungry[0]:
        bytearray(8 << 30)
    return match_payments(match_input, observe)

own = TenantSettings(tables_folder="unused", policy=PolicyBook())
runner = JobRunner(WorkerSettings(store_url="sqlite:///unused", tenants={"default": own}), match)
_limit_memory(2 << 30)
job = MatchJob(match_request().SerializeToString())
order = WorkOrder(tenant="default", caller=None, request_id="", job=job)
refused = runner.run(order)
assert isinstance(refused, JobFailure), refused
assert refused.reason == "MEMORY_LIMIT", refused
hungry[0] = False
assert isinstance(runner.run(order), MatchDone)
print("goes on")
"""


def test_a_job_beyond_the_memory_of_a_worker_is_refused_and_the_next_is_done():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.stdout == "goes on\n", done.stderr
