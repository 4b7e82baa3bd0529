"""The table of exception codes: what each means, what is missing, what a clerk usually does.

Order is primacy: of several codes on one payment the first in this table is the primary one. The
pages in `docs/exceptions.md` are generated from here.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["CODES", "EXCEPTION_CODES", "ExceptionCode", "code_number"]


class ExceptionCode(msgspec.Struct, frozen=True):
    """One kind of exception, in the words of an AR clerk."""

    code: str
    trigger: str
    missing_fact: str
    suggested_action: str
    example: str


_TABLE: Final = """
IN-FORMAT|the row could not be read as money received|a readable row|\
look at the diagnostics, ask the bank for the file again|a BAI2 group marked as test data
IN-TOTAL|the file's control totals do not foot or the file ends early|a complete file|\
ask the bank to send the file again; nothing of it was applied|\
the file declares 12,000.00 and holds 11,400.00
IN-DUPFILE|a file with the same content was processed before|nothing|\
nothing to do, unless the bank meant another file|the same statement under two names
IN-DUPPAY|the same payment arrived twice|whether the money came twice|\
compare with the bank account; refund or put on account if it is real|\
two wires of the same amount, payer and text on one day
IN-SEQ|a statement corrects, replaces or skips another|the statement before it|\
fetch the missing statement|statement 14 follows statement 12
IN-SIGN|direction and sign contradict each other|the direction|look at the bank's advice|\
a credit with a negative amount
IN-DATE|the value date lies outside the expected window|the right date|\
check the date with the bank|a value date two years ahead
IN-CCY|the currency is unknown or the account does not carry it|the currency|\
correct the account's currency|XYZ on a euro account
IN-ACCT|our bank account is not in the list of accounts|the company the account belongs to|\
add the account to the bank accounts table|a new lockbox without a company
IN-NONAR|the credit is no customer's payment|nothing|book it where it belongs|\
interest of the bank, a sweep from another account
RET-NSF|a payment came back unpaid|nothing|re-open what it had settled and ask for payment|\
a returned check
RET-RECALL|the payer's bank asks for the money back|whether to agree|decide on the recall|\
a SEPA recall
RET-NOPAYMENT|a return whose payment is not known|the payment that came back|\
find the original payment|an ACH return of last month
RET-POSTED|a return of a payment that was already posted|nothing|reverse the posting|\
a check returned after posting
PAY-UNKNOWN|nobody in the customer master fits the payer|who paid|\
find the customer, or ask the bank for the payer|EMBER VERTEX TRUST, no reference
PAY-AMBIG|several customers fit the payer|which of them paid|\
pick the customer; add the account to its master data|North Printing, where SA and SARL exist
PAY-CONFLICT|two facts name two different payers|which fact is right|\
check account, name and references|account of A, name of B
PAY-NEWACCT|a known payer paid from an account not on file|whether the account is theirs|\
confirm and store the account|a new IBAN
PAY-THIRD|somebody pays for a customer without a known relation|whether they may|\
confirm, and store the relation|a factor pays an invoice
PAY-CROSS|the references belong to several customers or another one than the payer|\
whose items are meant|confirm the items|A pays B's invoice
PAY-INACTIVE|the customer is inactive or blocked|whether to accept|check with credit control|\
a payment of a closed account
REF-NONE|no reference, and no amount that fits|what is paid|\
ask the payer for a remittance advice|PAYMENT, nothing else
REF-NOTFOUND|a reference that no open item has|the right number|\
ask the payer which invoice is meant|INV-999999
REF-TYPO|a damaged reference that would fit if repaired|confirmation of the repair|\
accept the proposal if the rest agrees|0090025802 for 0090025082
REF-DUPNO|several open items have the referenced number|which of them|pick the item|\
invoice 1001 of two years
REF-CLOSED|the referenced item is already paid|whether it was paid twice|\
refund or put on account after asking the payer|an invoice paid last week
REF-CANCELLED|the referenced document was cancelled|what replaces it|\
look for the replacement invoice|a cancelled invoice
REF-TRUNC|the bank cut the text in the middle of a reference|the rest of the number|\
complete the number|INV-2026-0249
REF-WRONGCO|the reference belongs to another company of the group|the right company|\
transfer the payment|an invoice of the sister company
RMT-WAIT|cash without its advice, waiting|the advice|wait, or ask for the advice|SEE ADVICE
RMT-ORPHAN|an advice without its cash|the payment|wait for the payment|\
an advice of 1,200.00 nobody paid
RMT-SUM|the advice's lines do not add up to the payment|the missing lines|\
ask the payer for the complete advice|lines of 900.00 for 1,000.00
RMT-PARTIAL|some lines of the advice cannot be used|the right references of those lines|\
correct the lines|one of four invoice numbers is unknown
AMB-SINGLE|several open items have exactly this amount|which item is meant|\
ask the payer, or take the oldest|two invoices of 199.50
AMB-AMOUNTS|several sets with the same amounts fit|which of the equal items|\
take the oldest, if the items are alike|three rents of 800.00 out of twelve
AMB-COMBO|several different combinations fit|which combination|ask for a remittance advice|\
12 + 30 and 20 + 22
AMB-TOTAL|several totals fit|which total|ask which statement was paid|\
balance and past due are equal
AMB-COMPETE|several payments want the same item|which payment settles it|\
pick one; the other may be a second payment|two payments of one invoice
AMB-LIMIT|the search stopped before uniqueness was proven|a reference|\
ask for a remittance advice|a customer with 800 open items
AMT-SHORT|less was paid than the items are worth|why|\
ask the payer; leave the remainder open or open a deduction|80.00 for 100.00
AMT-OVER|more was paid than the items are worth|what the surplus is for|\
leave it on account, or refund|150.00 for 100.00
AMT-TOLERANCE|a small difference needs approval|whether to write it off|\
accept the proposal, or write the rest off|99.60 for 100.00
AMT-BANKFEE|the shortfall looks like a bank's fee|who bears the fee|\
accept, or ask the payer to bear the fee|95.00 for 100.00 by foreign wire
AMT-TAX|the shortfall equals a tax rate|the tax certificate|ask for the certificate|\
81.00 for 100.00
AMT-WHT|the shortfall equals a withholding rate|the withholding certificate|\
ask for the certificate|90.00 for 100.00
AMT-FX|the difference looks like an exchange difference|the rate|check the rate|\
a payment in another currency
AMT-NOMATCH|the payer is known, but no item or combination has this amount|what is paid|\
ask the payer for a remittance advice|1,234.56 from a customer with no such item
AMT-LARGE|the amount is above the limit for automatic application|approval|check and approve|\
5,000,000.00
DSC-LATE|a cash discount was taken after its date|whether to grant it|\
grant it within your authority, or claim it|2 % on day 25 of "2/10 net 30"
DSC-GRACE|a cash discount was taken within the days of grace|nothing|nothing|\
2 % on day 12 of "2/10 net 30"
DSC-EXCESS|more discount was taken than the terms offer|whether to grant the rest|\
claim the excess|3 % where 2 % was offered
DSC-TWICE|a cash discount was taken a second time|whether to grant it|claim it|\
2 % of the remainder
DED-CODED|the payer withheld an amount and stated why|whether the reason holds|\
open a deduction with that reason|LESS DAMAGED 128.89
DED-UNCODED|the payer withheld an amount without a reason|the reason|ask the payer why|\
90.00 for 100.00
DED-PRIOR|the withheld amount equals an earlier claim|whether it is that claim|\
link it to the claim|the 46.66 claimed in May
DED-REPEAT|this payer withholds such amounts again and again|the reason|\
raise it with the account's manager|5 % of every invoice
ITM-DISPUTED|the item is under dispute|the outcome of the dispute|settle the dispute first|\
an invoice disputed in March
ITM-LOCKED|the item is blocked or reserved elsewhere|the release|wait for the release|\
an item in a posting run
ITM-CHANGED|the open amount changed since the payer, or the match, saw it|what changed it|\
match again; ask what the surplus is for|an invoice of 100.00 paid in full after a credit of 20.00
ITM-INSTALL|the amount fits one installment of a plan|which installment|\
apply to the next installment|one of three installments
POL-APPROVAL|a second person must approve what is written off or deducted|the approval|\
approve or reject|a write-off above your limit
POL-LIMIT|the action is beyond the authority of whoever acts|a higher authority|pass it on|\
a discount of 900.00
POL-HOLD|the customer or segment is handled by hand|nothing|decide by hand|\
a customer in insolvency
POL-CONFIDENCE|the evidence is not strong enough for automatic application|confirmation|\
accept the proposal if it looks right|a combination found by amount alone
SYS-STALE|the open items are older than the policy allows|fresh open items|\
send the open items again|an export of last week
SYS-POSTFAIL|the ERP refused the posting|what the ERP wants|correct and post again|\
a closed period
"""

EXCEPTION_CODES: Final[dict[str, ExceptionCode]] = {
    parts[0]: ExceptionCode(*parts)
    for parts in (line.split("|") for line in _TABLE.strip().splitlines())
}
"""Code → its meaning, in order of primacy."""

CODES: Final = ("", *EXCEPTION_CODES)
"""Code numbers: index into this tuple; 0 is no exception."""


_NUMBERS: Final = {code: number for number, code in enumerate(CODES)}


def code_number(code: str) -> int:
    """Number of `code`; smaller numbers are more primary. Raises `ValueError`."""
    number = _NUMBERS.get(code)
    if number is None:
        message = f"there is no exception code {code!r}"
        raise ValueError(message)
    return number
