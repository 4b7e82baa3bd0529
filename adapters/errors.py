"""What may go wrong between a decision and an ERP's document.

AdapterError
├── AccountsError        account determination that is not understood: file and key
├── AnswerError          a file of answers that is none
└── PostingTotalsError   documents and held payments do not add up to the payments
PostingRefusedError      one payment cannot be posted: why, and what to do; the others go on
"""

from __future__ import annotations

__all__ = [
    "AccountsError",
    "AdapterError",
    "AnswerError",
    "PostingRefusedError",
    "PostingTotalsError",
]


class AdapterError(Exception):
    """Root of what stops an export; the message is one sentence a person can act on."""

    reason = "ADAPTER_ERROR"


class AccountsError(AdapterError):
    """Account determination that is not understood."""

    reason = "ACCOUNTS_INVALID"


class AnswerError(AdapterError):
    """Answers of an ERP that cannot be read, or are about documents nobody sent."""

    reason = "ANSWERS_INVALID"


class PostingTotalsError(AdapterError):
    """Money was lost or made on the way to the documents: nothing may be sent."""

    reason = "POSTING_TOTALS_DIFFER"


class PostingRefusedError(Exception):
    """This payment cannot be posted as it is; `open_item_id` names the row where there is one."""

    def __init__(self, sentence: str, open_item_id: str = "") -> None:
        """Keep the sentence and the open item it is about."""
        super().__init__(sentence)
        self.sentence = sentence
        self.open_item_id = open_item_id
