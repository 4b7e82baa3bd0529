"""What an X12 payment order says beside its lines: BPR and the segments around it.

An order is money where its handling code says that a payment goes with it and money moves to us;
else it is advice of a payment that comes by another way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from engine.money import CURRENCY_EXPONENTS
from parsers.bai2_fields import read_date

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

__all__ = [
    "CHECK_QUALIFIER",
    "DEFAULT_CURRENCY",
    "METHODS",
    "PAYING",
    "Order",
    "OrderNature",
    "Remark",
    "joined_account",
    "nature_of",
    "order_columns",
    "read_order_segment",
]

DEFAULT_CURRENCY: Final = "USD"

METHODS: Final = {
    "ACH": "ach",
    "BOP": "",
    "CHK": "check",
    "FEW": "wire",
    "FWT": "wire",
    "SWT": "wire",
}
"""BPR04 → method."""

PAYING: Final = frozenset("CDEUXZ")
"""BPR01 of orders whose payment goes with them; others announce, inform or ask."""

_INFORMING: Final = frozenset("HIP")
"""BPR01 of a notice, of remittance information alone, of a payment still to come."""

_NO_PAYMENT: Final = "NON"
_CREDIT, _DEBIT = "C", "D"
_PAYERS: Final = ("PR", "RM", "41", "BY")
"""N101 that name the payer, best first: payer, remitter, who sends the file, who buys."""

_VALUE_DATES: Final = ("007", "009", "020", "097", "050", "035")
"""DTM01 that date the payment where BPR16 does not, best first."""

_EXPONENT: Final = 2
_LOCKBOX: Final = "823"
_PAYEE: Final = 12
_BANK_QUALIFIERS: Final = frozenset({"01", "02", "03", "04"})
_ACCOUNT_QUALIFIERS: Final = frozenset({"DA", "SG", "ALC"})
CHECK_QUALIFIER: Final = "CK"
"""REF01 of a check number."""

_PERSON: Final = "1"


class OrderNature(msgspec.Struct, frozen=True):
    """What an order is: `kind` is `payment`, `advice` or `debit`; `code` doubts it."""

    kind: str
    code: str = ""


class Remark(msgspec.Struct, frozen=True):
    """Something noticed within an order; `where` is offset, line and number of bytes."""

    where: tuple[int, int, int]
    code: str
    message: str
    value: str = ""
    expected: str = ""


class Order(msgspec.Struct):
    """One BPR with what surrounds it. Lines are counted within those of its window."""

    form: str
    control: str
    offset: int
    line: int
    end: int = 0
    first_line: int = 0
    stop_line: int = 0
    beginning: list[str] = []  # msgspec copies mutable defaults
    trace: str = ""
    check: str = ""
    currency: str = ""
    fallback: str = DEFAULT_CURRENCY
    exchange_rate: str = ""
    account: str = ""
    deposited: dt.date | None = None
    names: dict[str, str] = {}  # msgspec copies mutable defaults
    dates: dict[str, str] = {}  # msgspec copies mutable defaults
    references: list[str] = []  # msgspec copies mutable defaults
    texts: list[str] = []  # msgspec copies mutable defaults
    codes: list[str] = []  # msgspec copies mutable defaults
    in_detail: bool = False
    amount: int | None = None
    said: list[Remark] = []  # msgspec copies mutable defaults

    def say(self, code: str, message: str, *, value: str = "", expected: str = "") -> None:
        """Remark on the order as a whole."""
        where = (self.offset, self.line, max(self.end - self.offset, 0))
        self.said.append(Remark(where, code, message, value, expected))

    def element(self, number: int) -> str:
        """An element of BPR, empty where it is absent."""
        return self.beginning[number] if number < len(self.beginning) else ""

    @property
    def exponent(self) -> int:
        """Decimal places of the order's currency."""
        return CURRENCY_EXPONENTS.get(self.currency or self.fallback, _EXPONENT)


def read_order_segment(order: Order, elements: Sequence[str]) -> None:
    """Take what a segment around BPR says; one that says nothing kept in columns stays aside."""
    read = _READERS.get(elements[0])
    if read is not None:
        read(order, elements)


def _read_bpr(order: Order, elements: Sequence[str]) -> None:
    """One element too few between the two accounts is known from the wild, and put back."""
    order.beginning = list(elements)
    if elements[_PAYEE - 1 : _PAYEE] and elements[_PAYEE - 1] in _BANK_QUALIFIERS:
        moved = (*elements[_PAYEE + 1 :], "")[:1]
        if moved[0] in _ACCOUNT_QUALIFIERS:
            order.beginning.insert(_PAYEE - 1, "")
            message = "BPR has an element too few before the receiver's account"
            order.say("EDI-SHIFTED", message, value=elements[_PAYEE - 1], expected="BPR11")


def _read_bps(order: Order, elements: Sequence[str]) -> None:
    """BPS is the BPR of old versions, with its elements in another order."""
    old = [*elements, *[""] * 13]
    order.beginning = ["BPR", old[3], old[2], _CREDIT, old[1], "", "", old[5], "", old[6]]
    order.beginning += ["", "", "", old[10], "", old[11], old[12]]


def _read_trn(order: Order, elements: Sequence[str]) -> None:
    if len(elements) > 2:
        order.trace = order.trace or elements[2]


def _read_cur(order: Order, elements: Sequence[str]) -> None:
    if len(elements) > 2 and not order.currency:
        order.currency = elements[2].upper()
        order.exchange_rate = elements[3] if len(elements) > 3 else ""


def _read_ref(order: Order, elements: Sequence[str]) -> None:
    """A check number, or a reference of the whole payment; in the detail it explains a line."""
    qualifier, number = (*elements[1:3], "", "")[:2]
    if qualifier == CHECK_QUALIFIER:
        order.check = order.check or number
    elif number and not order.in_detail:
        order.references.append(number)


def _read_dtm(order: Order, elements: Sequence[str]) -> None:
    if len(elements) > 2 and not order.in_detail:
        order.dates.setdefault(elements[1], elements[2])


def _read_n1(order: Order, elements: Sequence[str]) -> None:
    """A party: the payer to its column, whom a line concerns to the text."""
    role, name = (*elements[1:3], "", "")[:2]
    if not name:
        return
    if order.in_detail and (order.form != _LOCKBOX or "PR" in order.names):
        order.texts.append(name)
    else:
        order.names.setdefault(role, name)


def _read_nm1(order: Order, elements: Sequence[str]) -> None:
    """Whom the lines that follow concern: `NM1*role*1*last*first`."""
    kind, last, first = (*elements[2:5], "", "", "")[:3]
    name = f"{first} {last}" if kind == _PERSON and first else last
    if name:
        order.texts.append(name)


def _read_nte(order: Order, elements: Sequence[str]) -> None:
    note = " ".join(one for one in elements[2:] if one)
    if note:
        order.texts.append(note)


_READERS: Final[dict[str, Callable[[Order, Sequence[str]], None]]] = {
    "BPR": _read_bpr,
    "BPS": _read_bps,
    "TRN": _read_trn,
    "CUR": _read_cur,
    "REF": _read_ref,
    "DTM": _read_dtm,
    "N1": _read_n1,
    "NM1": _read_nm1,
    "NTE": _read_nte,
}


def nature_of(order: Order) -> OrderNature:
    """Whether an order moves money to us; its amount must have been read."""
    if not order.beginning:
        return OrderNature("advice")
    handling, flag, method = (order.element(at).upper() for at in (1, 3, 4))
    if flag == _DEBIT:
        return OrderNature("debit")
    is_deposit = order.form == _LOCKBOX
    if not order.amount or method == _NO_PAYMENT or (handling in _INFORMING and not is_deposit):
        return OrderNature("advice")
    is_known = is_deposit or (handling in PAYING and flag == _CREDIT)
    code = "IN-SIGN" if order.amount < 0 else "" if is_known else "IN-FORMAT"
    return OrderNature("payment", code)


def joined_account(routing: str, account: str) -> str:
    """`routing/account`, or what there is of it."""
    return f"{routing}/{account}" if routing and account else account


@lru_cache(maxsize=1024)
def _date_of(token: str) -> dt.date | None:
    return read_date(token[:8])


def _value_date(order: Order) -> dt.date | None:
    """BPR16, else the best date of the header."""
    found = _date_of(order.element(16))
    for qualifier in _VALUE_DATES:
        found = found or _date_of(order.dates.get(qualifier, ""))
    return found


def order_columns(order: Order) -> dict[str, object]:
    """Columns of a payment, or of the key of an advice, that an order gives."""
    element = order.element
    is_deposit = order.form == _LOCKBOX
    method = METHODS.get(element(4).upper(), "") or ("check" if is_deposit else "")
    check = order.check or (order.trace if method == "check" else "")
    value = order.deposited if is_deposit else _value_date(order)
    names = order.names
    payer = next((names[role] for role in _PAYERS if role in names), "")
    if not payer and is_deposit:
        payer = next(iter(names.values()), "")
    return {
        "booking_date": value,
        "value_date": value,
        "method": method,
        "type_code": "/".join(one for one in (element(4), element(5)) if one),
        "payer_name": payer,
        "payer_account": joined_account(element(7), element(9)),
        "bank_account": order.account or element(15),
        "customer_reference": ";".join(order.references),
        "check_number": check,
        "trace_number": order.trace,
        "exchange_rate": order.exchange_rate,
        "remittance_text": "\n".join(order.texts),
    }
