"""Bank files with something wrong in them, day by day or as a whole, and what a clerk must hear.

A fault is made in the text of a file that foots; every payment it concerns expects its code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.worlds.drafts import Draft
    from tieout.worlds.spec import WorldSpec

__all__ = ["FILE_FAULTS", "FileFault", "expect_faults", "with_faults"]

_NOT_OURS: Final = "9000000017"


def _each_group(content: str, day: str, change: Callable[[str], str]) -> str:
    """`content` with what `change` makes of the BAI2 group of `day`."""
    groups = re.split(r"(?m)^(?=02,|99,)", content)
    return "".join(change(one) if f",{day}," in one.split("\n", 1)[0] else one for one in groups)


def _status(number: int) -> Callable[[str], str]:
    return lambda group: re.sub(r"^(02,[^,]*,[^,]*),1,", rf"\1,{number},", group)


def _no_date(group: str) -> str:
    return re.sub(r"^(02,[^,]*,[^,]*,1),\d{6},", r"\1,991399,", group)


def _strange_currency(group: str) -> str:
    return re.sub(r"(?m)^(03,[^,]*),USD,", r"\1,QQQ,", group)


def _strange_account(group: str) -> str:
    return re.sub(r"(?m)^03,[^,]*,", f"03,{_NOT_OURS},", group)


def _negative(group: str) -> str:
    """Every credit of the group written with a minus, and totals that add them up so."""
    credit = r"(?m)^(16,\d{3},)(\d+)(,.*,BK\d{9},)"
    turned = 2 * sum(int(found[2]) for found in re.finditer(credit, group))
    changed = re.sub(credit, r"\1-\2\3", group)
    return re.sub(r"(?m)^(49|98),(-?\d+),", lambda m: f"{m[1]},{int(m[2]) - turned},", changed)


def _sent_again(content: str, day: str) -> str:
    """The group of `day` in a file of its own behind the others, under the same file header."""
    header, *groups, _ = re.split(r"(?m)^(?=02,|99,)", content)
    again = [one for one in groups if f",{day}," in one.split("\n", 1)[0]]
    rest = [one for one in groups if one not in again]
    return _file(header, rest) + _file(header, again)


def _file(header: str, groups: list[str]) -> str:
    """A BAI2 file of these groups, whose trailer adds them up."""
    text = header + "".join(groups)
    total = sum(int(found) for found in re.findall(r"(?m)^98,(-?\d+),", text))
    return f"{text}99,{total},{len(groups)},{text.count(chr(10)) + 1}/\n"


def _lockbox_total(content: str) -> str:
    """One cent more in the first batch's total than its checks have."""
    return re.sub(
        r"(?m)^(7.{19})(\d{10})", lambda m: f"{m[1]}{int(m[2]) + 1:010d}", content, count=1
    )


def _closing_balance(content: str) -> str:
    """One unit more at the close of the last statement than its entries give."""
    at = content.rindex("<Cd>CLBD</Cd>")
    end = re.sub(
        r'(<Amt Ccy="[A-Z]{3}">)(\d+)', lambda m: f"{m[1]}{int(m[2]) + 1}", content[at:], count=1
    )
    return content[:at] + end


def _strange_iban(content: str) -> str:
    return re.sub(r"(<Acct><Id><IBAN>)[^<]*", r"\g<1>DE02120300000000202051", content)


class FileFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of the file of a company's `channels`: its scenario, the code its payments expect,
    the text with it. `day` is the place of the only day it concerns among those payments arrive on,
    −1 where it concerns all; `again`: what it concerns is sent as a second file of one identity.
    """

    scenario: str
    code: str
    company_id: str
    channels: tuple[str, ...]
    file_name: str
    make: Callable[[str], str]
    day: int = -1
    again: bool = False


_BAI: Final = ("ach", "wire")
FILE_FAULTS: Final = (
    *(
        FileFault(
            scenario=f"file_{scenario}",
            code=code,
            company_id="1100",
            channels=_BAI,
            file_name="1100.bai",
            make=make,
            day=day,
        )
        for day, (scenario, code, make) in enumerate(
            (
                ("correction", "IN-SEQ", _status(3)),
                ("test_data", "IN-FORMAT", _status(4)),
                ("currency", "IN-CCY", _strange_currency),
                ("date", "IN-DATE", _no_date),
                ("account", "IN-ACCT", _strange_account),
            )
        )
    ),
    FileFault(
        scenario="file_sign",
        code="IN-SIGN",
        company_id="1200",
        channels=_BAI,
        file_name="1200.bai",
        make=_negative,
        day=1,
    ),
    FileFault(
        scenario="file_again",
        code="IN-DUPFILE",
        company_id="1200",
        channels=_BAI,
        file_name="1200.bai",
        make=str,
        day=3,
        again=True,
    ),
    FileFault(
        scenario="file_total",
        code="IN-TOTAL",
        company_id="1200",
        channels=("lockbox",),
        file_name="1200.lockbox.txt",
        make=_lockbox_total,
    ),
    FileFault(
        scenario="file_balance",
        code="IN-TOTAL",
        company_id="2100",
        channels=("camt02",),
        file_name="2100.camt.053.001.02.xml",
        make=_closing_balance,
    ),
    FileFault(
        scenario="file_account",
        code="IN-ACCT",
        company_id="2300",
        channels=("camt08",),
        file_name="2300.camt.053.001.08.xml",
        make=_strange_iban,
    ),
)
"""Every fault there is."""


def expect_faults(spec: WorldSpec, drafts: Sequence[Draft], days: Sequence[int]) -> None:
    """Let the payments that faults concern expect their codes; `days` are those of all payments."""
    for fault in FILE_FAULTS:
        for draft in drafts:
            company = spec.companies[draft.company].company_id
            of_file = company == fault.company_id and draft.channel in fault.channels
            if of_file and (fault.day < 0 or draft.day == days[fault.day]):
                draft.scenario, draft.codes = fault.scenario, fault.code
                draft.expect = "exception"


def with_faults(files: dict[str, bytes], days: Sequence[str]) -> dict[str, bytes]:
    """`files` with every fault in them; `days` as BAI2 writes them."""
    texts = {name: content.decode() for name, content in files.items()}
    for fault in FILE_FAULTS:
        text = texts.get(fault.file_name)
        if text is None:
            continue
        if fault.again:
            text = _sent_again(text, days[fault.day])
        elif fault.day >= 0:
            text = _each_group(text, days[fault.day], fault.make)
            header, *groups, _ = re.split(r"(?m)^(?=02,|99,)", text)
            text = _file(header, groups)
        else:
            text = fault.make(text)
        texts[fault.file_name] = text
    return {name: text.encode() for name, text in texts.items()}
