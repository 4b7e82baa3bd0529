"""What decisions taught about payers: learned, used, taken back with what relied on it."""

import json

import pytest

from tieout.commands import main
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.run_directory import RunDirectory

ACCOUNT = "DE89370400440532013000"
CUSTOMERS = "customer_id,company_id,name\nC1,US01,Ember Vertex GmbH\nC2,US01,Quarry Stone Holding\n"
ITEMS = "open_item_id,company_id,customer_id,document_number,currency,open_amount\n" + "".join(
    f"I{n},US01,C1,INV-10{n}37,USD,{41_000 + 7 * n}.{n}3\n" for n in range(1, 7)
)
PAYMENTS = (
    "payment_id,company_id,amount,currency,value_date,payer_name,payer_account,remittance_text\n"
)


def payment(number, day, text=""):
    amount = f"{41_000 + 7 * number}.{number}3"
    return f"P-{number},US01,{amount},USD,{day},Sunrise Trading 24,{ACCOUNT},{text}\n"


@pytest.fixture
def run(tmp_path):
    """Match some payments with the memory; gives the outcome of each by payment id."""

    def match(*payments, policy=""):
        (tmp_path / "items.csv").write_text(ITEMS)
        (tmp_path / "customers.csv").write_text(CUSTOMERS)
        (tmp_path / "payments.csv").write_text(PAYMENTS + "".join(payments))
        (tmp_path / "policy.toml").write_text(policy)
        run_matching_job(
            MatchingJob(
                open_items=tmp_path / "items.csv",
                customers=tmp_path / "customers.csv",
                payments=tmp_path / "payments.csv",
                policy=tmp_path / "policy.toml",
                memory=tmp_path / "memory",
                out=tmp_path / "run",
                overwrite=True,
            )
        )
        rows = RunDirectory.open(tmp_path / "run").table("payments").to_pylist()
        return {row["payment_id"]: row for row in rows}

    return match


@pytest.fixture
def memory(tmp_path, capsys):
    """`tieout memory ARGUMENTS --json`; gives the exit code and what it said."""

    def command(name, *arguments):
        code = main(["memory", name, str(tmp_path / "memory"), *arguments, "--json"])
        said = capsys.readouterr().out
        return code, json.loads(said) if code == 0 else None

    return command


def decided(tmp_path, *rows):
    header = "payment_id,decision,customer_id,open_items\n"
    (tmp_path / "decisions.csv").write_text(header + "".join(row + "\n" for row in rows))
    files = ("--run", str(tmp_path / "run"), "--decisions", str(tmp_path / "decisions.csv"))
    return (*files, "--by", "m.weber", "--on", "2026-09-21")


def test_references_suggest_an_account_and_three_payments_make_it_known(run, memory):
    run(payment(1, "2026-09-01", "INV-10137"), payment(2, "2026-09-02", "INV-10237"))
    _, facts = memory("list", "--kind", "payer_account")
    assert [(fact["customer_id"], fact["confirmations"]) for fact in facts] == [("C1", 2)]
    assert run(payment(4, "2026-09-03"))["P-4"]["customer_id"] in (None, "")
    run(payment(3, "2026-09-04", "INV-10337"))
    known = run(payment(5, "2026-09-05"))["P-5"]
    assert (known["customer_id"], known["identified_by"]) == ("C1", "learned_account")
    # What the suggestion itself identified has confirmed nothing.
    _, facts = memory("list", "--kind", "payer_account")
    assert [fact["confirmations"] for fact in facts] == [3]


def test_an_accepted_payment_teaches_name_and_account_and_a_revoked_fact_tells_its_impact(
    run, memory, tmp_path
):
    assert run(payment(1, "2026-09-20"))["P-1"]["status"] == "unidentified"
    code, said = memory("learn", *decided(tmp_path, "P-1,accept,C1,"))
    assert (code, said["new_facts"]) == (0, 2)
    paid = run(payment(2, "2026-09-22"))["P-2"]
    assert (paid["status"], paid["identified_by"]) == ("applied", "learned_account")
    _, facts = memory("list", "--kind", "payer_account", "--customer", "C1")
    assert (facts[0]["learned_by"], facts[0]["learned_on"]) == ("m.weber", "2026-09-21")
    fact = facts[0]["fact_id"]
    code, said = memory("revoke", fact, "--by", "j.kim", "--on", "2026-09-23")
    assert code == 0
    assert [(row["payment_id"], row["open_item_id"]) for row in said["relied"]] == [("P-2", "I2")]
    # The name is still known; the account is not.
    assert run(payment(3, "2026-09-24"))["P-3"]["identified_by"] == "learned_alias"
    code, said = memory("forget", fact)
    assert (code, said["facts"]) == (0, 1)


def test_a_rejected_payment_keeps_name_and_account_from_that_customer(run, memory, tmp_path):
    run(payment(1, "2026-09-20"))
    memory("learn", *decided(tmp_path, "P-1,accept,C1,", "P-1,reject,C1,"))
    assert run(payment(2, "2026-09-22"))["P-2"]["customer_id"] in (None, "")


def test_what_cannot_be_learned_is_named(run, tmp_path, capsys):
    run(payment(1, "2026-09-20"))
    for row, words in (
        ("P-9,accept,C1,", "no payment P-9"),
        ("P-1,maybe,C1,", "decisions.csv:2: decision is 'maybe'"),
        ("P-1,accept,,", "needs its customer_id"),
    ):
        code = main(["memory", "learn", str(tmp_path / "memory"), *decided(tmp_path, row)])
        assert code == 65
        assert words in capsys.readouterr().err
    assert main(["memory", "revoke", str(tmp_path / "memory"), "none", "--by", "x"]) == 66
