"""One case with everything a clerk looks at beside it; why an item is not what is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from desk.acts import Prepare
from desk.fact_reach import REACH_DAYS
from desk.why_not import why_not
from rpc.case_messages import act_message, case_message
from rpc.conversions import ANSWER_TABLES, REQUEST_TABLES, encode_table
from rpc.errors import FieldError
from store.case_facts import entry_keys, item_facts
from store.open_items import ItemFilter
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    from engine.batches import Batch
    from rpc.caller import Caller
    from rpc.desk_work import DeskWork
    from store.repository import Repository

__all__ = ["case_detail", "explain_item", "preview_fact"]

_ACTS_MAX: Final = 1_000
_KINDS: Final = {kind.batch_class: kind for kind in (*REQUEST_TABLES, *ANSWER_TABLES)}
_LOOK: Final = Prepare()
"""An act that changes nothing: what it may depend on is what a clerk may want to see."""


def case_detail(
    store: Repository, desk: DeskWork, identity: str, caller: Caller
) -> contract.GetCaseResponse:
    """Everything about one case; raises `CaseNotFoundError` or `CompanyNotPermittedError`."""
    if not identity:
        message = "exception_id is empty; give the case, its payment or one of its exceptions"
        raise FieldError(message, field="exception_id")
    with store.reading():
        read = desk.read(store, identity, _LOOK)
        caller.check_company(read.case.company_id)
        items = read.items
        if read.case.lines:
            keys = entry_keys((*read.case.lines, *read.case.draft.entries))
            keys += entry_keys(entry for one in read.facts.proposals for entry in one.entries)
            items = store.open_items.find(keys).rows
        exceptions = store.cases.exceptions_of(read.summary)
        response = contract.GetCaseResponse(
            case=case_message(read.summary, desk.as_of_now(read.case)),
            exceptions=_messages(exceptions),
            remittance_lines=_messages(store.cases.remittances_of(read.case.payment_id)),
            proposals=_messages(read.proposed),
            open_items=_messages(items),
            acts=[act_message(one) for one in store.cases.acts(read.case.case_id, 0, _ACTS_MAX)],
            unread_mentions=store.mentions.unread_acts(caller.name, read.case.case_id),
        )
        for payment in _messages(store.cases.payment_of(read.case.payment_id)):
            response.payment.CopyFrom(payment)
        for item in response.exceptions:
            item.file_id = read.summary.file_id
            item.customer_id = read.case.customer_id
    return response


def explain_item(
    store: Repository, desk: DeskWork, request: contract.ExplainItemRequest, caller: Caller
) -> contract.ExplainItemResponse:
    """What stands against an item; raises as `case_detail`."""
    with store.reading():
        read = desk.read(store, request.exception_id, _LOOK)
        caller.check_company(read.case.company_id)
        company = request.company_id or read.case.company_id
        items = store.open_items.find([(company, request.open_item_id)]).rows
        if not len(items):
            wanted = ItemFilter(company_id=company, document_number=request.open_item_id)
            items = store.open_items.list_items(wanted, None, 1)[0].rows
        payment = store.cases.payment_of(read.case.payment_id)
        lines = store.cases.remittances_of(read.case.payment_id)
    fact = next(iter(item_facts(items).values()), None)
    texts = [text for name in _TEXTS for text in payment.strings(name)]
    texts += lines.strings("reference")
    names = [text for name in _NAMES for text in items.strings(name)]
    verdict = why_not(read.case, fact, read.facts, names, texts)
    response = contract.ExplainItemResponse(
        obstacles=verdict.obstacles,
        supports=verdict.supports,
        proposal_rank=verdict.proposal_rank,
    )
    for item in _messages(items):
        response.open_item.CopyFrom(item)
    return response


def preview_fact(
    store: Repository, desk: DeskWork, request: contract.PreviewFactRequest, caller: Caller
) -> contract.PreviewFactResponse:
    """What a fact would have told; raises as `case_detail`."""
    with store.reading():
        case = desk.read(store, request.exception_id, _LOOK).case
        caller.check_company(case.company_id)
        reach = desk.reach(store, case, request.fact_kind, request.value)
    return contract.PreviewFactResponse(
        day_count=REACH_DAYS,
        payment_count=reach.payment_count,
        amount_minor=reach.amount_minor,
    )


_TEXTS: Final = ("remittance_text", "end_to_end_id", "customer_reference")
_NAMES: Final = ("document_number", "open_item_id")


def _messages(batch: Batch) -> list[Any]:
    kind = _KINDS[type(batch)]
    table = encode_table(kind, batch, arrow=False)
    return list(getattr(table.messages, kind.rows_field))
