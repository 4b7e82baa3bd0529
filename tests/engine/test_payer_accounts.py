"""Keys of bank accounts: those of a few are made one by one, of many by columns, and the same."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from engine.payer_accounts import account_keys
from engine.row_texts import FEW_ROWS

IBANS = (
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "AT611904300234573201",
    "DE89370400440532013001",
)
PIECES = (
    *IBANS,
    "IBAN",
    "/",
    "0",
    "00",
    "021000021",
    "123456",
    "9",
    " ",
    "-",
    "a",
    "É",
    "de",
    "\n",
)
ACCOUNT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
MANY = [f"{number}" for number in range(FEW_ROWS)]


def rows_of(accounts):
    keys = account_keys(pa.array(accounts, pa.string()))
    return list(
        zip(keys.whole.to_pylist(), keys.number.to_pylist(), keys.bare.tolist(), strict=True)
    )


@given(st.lists(ACCOUNT, min_size=1, max_size=5))
@example(list(IBANS))
@example(["iban de89 3704 0044 0532 0130 00", "0/0", "DE/77777", "1/2/345678"])
def test_few_accounts_have_the_keys_they_have_among_many(accounts):
    assert rows_of(accounts) == rows_of([*accounts, *MANY])[: len(accounts)]


def test_an_account_is_the_same_whichever_way_it_is_written():
    written = [
        ["DE89 3704 0044 0532 0130 00", "IBAN DE89370400440532013000", "37040044/532013000"],
        ["021000021/0001234567", "21000021/1234567"],
        ["00123456", "123-456"],
    ]
    for accounts in written:
        assert len({whole for whole, _, _ in rows_of(accounts)}) == 1
    assert rows_of(["00123456", "021000021/0123456", "021000021/123", "000"]) == [
        ("123456", "123456", True),
        ("21000021/123456", "123456", False),
        ("21000021/123", "", False),
        ("", "", False),
    ]
