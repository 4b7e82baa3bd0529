"""BAI2 type codes as data: what a row of each code is, and how its money travelled.

The direction of every code follows from its range, so a code nobody has heard of is still read;
the sets below only name codes that mean more than their range says. Sources: the code list of the
BAI2 specification (2005), the X9 additions for real-time payments, and ranges of both.

| row is      | codes                                                    |
|-------------|----------------------------------------------------------|
| `status`    | 001-099, 900-919: balances                               |
| `credit`    | 100-399, 920-959: money in                               |
| `return`    | debits that take back money credited before (`RETURNS`)  |
| `debit`     | 400-699, 960-999: money out                              |
| `loan`      | 700-799 (and 800-889, bank-defined, without direction)   |
| `information` | 890-899: text without money                            |
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "ITEMS_OF_PARENT",
    "METHODS",
    "NON_RECEIVABLE",
    "PARENTS_OF_ITEM",
    "RETURNS",
    "ROW_KINDS",
    "SUMMARY_CREDITS",
    "RowKind",
    "row_kind",
]

RowKind = Literal["credit", "return", "debit", "loan", "status", "information"]
"""What a type code says about its row."""


def _codes(text: str) -> frozenset[str]:
    """Codes and ranges such as `142 162-169` as a set of three-digit codes."""
    found: set[str] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(f"{code:03d}" for code in range(int(first), int(last or first) + 1))
    return frozenset(found)


RETURNS: Final = _codes("415 468 552 554 555 557 558 561 566 568 694 695")
"""Debits that take back an earlier credit: they become negative payments.

415 lockbox debit, 468 ACH return settlement, 552 credit reversal, 554 posting error correction,
555 deposited item returned, 557 ACH return item, 558 ACH reversal, 561 rejected, 566 return item,
568 return item adjustment, 694 deposit reversal, 695 deposit correction. Their fees (564, 567) and
the totals of them (550, 551, 556, 560) are ordinary debits.
"""

NON_RECEIVABLE: Final = (
    _codes("252 254 255 257 258 261 266 268 395")  # our own debits coming back
    | _codes("160 161 263 271 274-278 281 286 373")  # funding, overdrafts and sweeps
    | _codes("180 181")  # loan proceeds
    | _codes("202 224 226 232-236 238 240-249")  # securities, money market, commission
    | _codes("306 346-351 354 355 358 359 364 376-379 397")  # investments, interest, treasury
)
"""Credits no customer pays an invoice with: reversals of our own payments, interest, sweeps and
zero-balance transfers, securities, loan proceeds. They are payments with intake code `IN-NONAR`."""

SUMMARY_CREDITS: Final = _codes(
    "100-107 109 110 120 130 131 140 146 150 159 160 170 178 180 182 185 186 188 190 200 205 207 "
    "210 215 230 231 239 250 251 256 260 270 274 280 285 294 303-305 307 309 310 315 316 318 320 "
    "321 324-330 332 336 338 340 341 343 352 356 360 361 370 385 389 390 394"
)
"""Totals that belong into an account's 03 record; as a detail they may count the same money twice,
so a payment read from one is held."""

ITEMS_OF_PARENT: Final[dict[str, str]] = {
    "115": "116",
    "135": "136",
    "142": "143",
    "155": "156",
    "342": "345",
}
"""Deposit → the code of the items in it. Only one of the two levels is a payment."""

PARENTS_OF_ITEM: Final[dict[str, str]] = {item: parent for parent, item in ITEMS_OF_PARENT.items()}
"""Item in a deposit → the deposit's code."""

METHODS: Final[dict[str, str]] = {
    code: method
    for method, codes in (
        ("ach", "121-123 142 143 145 155 156 162-169 256-258 466 468 557 558"),
        ("wire", "191 195 196 208 213 218 227"),
        ("check", "115 116 118 135 136 171-176 184 187 189 221 222 255 301 302 319 362 395"),
        ("check", "415 555 694 695"),
        ("card", "147"),
        ("rtp", "158"),
        ("cash", "353 366"),
        ("book", "201 206 275 277"),
    )
    for code in _codes(codes)
}
"""Type code → how the money travelled; codes that do not say are `other`."""


def _kind_of(code: int) -> RowKind:
    if code < 100 or 900 <= code <= 919:
        return "status"
    if code <= 399 or 920 <= code <= 959:
        return "credit"
    if 890 <= code <= 899:
        return "information"
    if code <= 699 or code >= 960:
        return "return" if f"{code:03d}" in RETURNS else "debit"
    return "loan"


ROW_KINDS: Final[dict[str, RowKind]] = {f"{code:03d}": _kind_of(code) for code in range(1000)}
"""Three-digit type code → what its row is; every code has an entry."""


def row_kind(code: str) -> RowKind | None:
    """What a row of type `code` is; None where `code` is no number of up to three digits."""
    return ROW_KINDS.get(code.zfill(3)) if code else None
