"""Acts: everything that can be done to a case, as data that is kept as it was said."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from desk.cases import Delivery, Entry  # noqa: TC001 - msgspec looks them up to decode

__all__ = [
    "ACT_NAMES",
    "Act",
    "Approve",
    "Assign",
    "AttachRemittance",
    "Claim",
    "Decide",
    "Deliver",
    "Escalate",
    "Identify",
    "Note",
    "Park",
    "Prepare",
    "Reject",
    "Release",
    "Remainder",
    "RemainderKind",
    "Repropose",
    "Resolve",
    "TakeOver",
    "Undo",
    "Wake",
    "Withdraw",
    "act_name",
]

RemainderKind = Literal[
    "leave", "on_account", "refund", "non_ar", "write_off", "deduction", "discount"
]


class Remainder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of the difference once the entries are taken.

    `write_off`, `deduction` and `discount` close what the picked items have left open, or take the
    surplus cash onto the last of them (`write_off` alone); the others take the surplus cash.
    """

    kind: RemainderKind = "leave"
    reason: str = ""
    link: str = ""
    customer_id: str = ""


class _Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="act"):
    """Every act says what it is in `act`."""


class Claim(_Act, frozen=True, kw_only=True, tag="claim"):
    """Take the case to work on it alone for a while."""


class Release(_Act, frozen=True, kw_only=True, tag="release"):
    """Let go of the case; what was picked stays."""


class TakeOver(_Act, frozen=True, kw_only=True, tag="take_over"):
    """Take a case that somebody else holds."""


class Assign(_Act, frozen=True, kw_only=True, tag="assign"):
    """Make it somebody's, with a backup and a due date where known. Empty: nobody's."""

    assignee: str
    backup: str = ""
    due_ms: int = 0


class Park(_Act, frozen=True, kw_only=True, tag="park"):
    """Put the case aside until a moment or an event; the money waits in suspense."""

    until_ms: int = 0
    event: str = ""
    reason: str


class Wake(_Act, frozen=True, kw_only=True, tag="wake"):
    """Bring a parked case back: by hand (`event` empty), or because `event` happened."""

    event: str = ""
    subject: str = ""


class Escalate(_Act, frozen=True, kw_only=True, tag="escalate"):
    """Hand the case up."""

    to: str
    reason: str


class Note(_Act, frozen=True, kw_only=True, tag="note"):
    """Say something; `mentions` are people who should read it."""

    text: str
    mentions: tuple[str, ...] = ()


class Identify(_Act, frozen=True, kw_only=True, tag="identify"):
    """Say whose account the payment settles. Empty: not known after all."""

    customer_id: str


class Prepare(_Act, frozen=True, kw_only=True, tag="prepare"):
    """Keep entries as a draft, from proposal `rank` where it is not 0. No entries: drop it.

    What `remainder` makes of the difference becomes part of the draft.
    """

    entries: tuple[Entry, ...] = ()
    rank: int = 0
    remainder: Remainder = Remainder()


class Decide(_Act, frozen=True, kw_only=True, tag="decide"):
    """Decide by proposal `rank`, by `entries`, by both, or by the draft where neither is given.

    With `hold` it waits for `approve` even where nobody else is needed.
    """

    entries: tuple[Entry, ...] = ()
    rank: int = 0
    remainder: Remainder = Remainder()
    hold: bool = False


class Approve(_Act, frozen=True, kw_only=True, tag="approve"):
    """Let what was prepared come true."""

    comment: str = ""


class Reject(_Act, frozen=True, kw_only=True, tag="reject"):
    """Send what was prepared back to who prepared it."""

    reason: str


class Withdraw(_Act, frozen=True, kw_only=True, tag="withdraw"):
    """Take back what one has prepared, to change it."""


class Undo(_Act, frozen=True, kw_only=True, tag="undo"):
    """Take back an act: all its lines, or those numbered; act 0 is the engine's."""

    act_number: int
    line_numbers: tuple[int, ...] = ()
    reason: str = ""


class Deliver(_Act, frozen=True, kw_only=True, tag="deliver"):
    """What the ledger said to lines that were sent to it."""

    line_numbers: tuple[int, ...]
    delivery: Delivery
    detail: str = ""


class AttachRemittance(_Act, frozen=True, kw_only=True, tag="attach_remittance"):
    """Add what the payer says it pays; the payment is matched again."""

    remittance_id: str
    line_count: int
    text: str = ""


class Repropose(_Act, frozen=True, kw_only=True, tag="repropose"):
    """New evidence has come and led to other proposals; `because` says which."""

    because: str
    proposal_count: int


class Resolve(_Act, frozen=True, kw_only=True, tag="resolve"):
    """Close a case that has no undecided money."""

    resolution: str
    comment: str = ""


Act = (
    Claim
    | Release
    | TakeOver
    | Assign
    | Park
    | Wake
    | Escalate
    | Note
    | Identify
    | Prepare
    | Decide
    | Approve
    | Reject
    | Withdraw
    | Undo
    | Deliver
    | AttachRemittance
    | Repropose
    | Resolve
)
"""One of them."""


def act_name(act: Act) -> str:
    """The act's name, as in `act` of its JSON."""
    return str(type(act).__struct_config__.tag)


ACT_NAMES: Final = tuple(
    str(kind.__struct_config__.tag)
    for kind in (
        Claim,
        Release,
        TakeOver,
        Assign,
        Park,
        Wake,
        Escalate,
        Note,
        Identify,
        Prepare,
        Decide,
        Approve,
        Reject,
        Withdraw,
        Undo,
        Deliver,
        AttachRemittance,
        Repropose,
        Resolve,
    )
)
"""Names of all acts."""
