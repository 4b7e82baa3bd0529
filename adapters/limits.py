"""What an ERP takes in one document or field, once, with where it is said."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BUSINESS_CENTRAL_DOCUMENT_LETTERS",
    "BUSINESS_CENTRAL_EXTERNAL_LETTERS",
    "BUSINESS_CENTRAL_TEXT_LETTERS",
    "D365_BATCH_LETTERS",
    "D365_TEXT_LETTERS",
    "NETSUITE_LINES_MAX",
    "ORACLE_REASON_LETTERS",
    "ORACLE_RECEIPT_LETTERS",
    "ORACLE_REFERENCE_LETTERS",
    "QUICKBOOKS_NOTE_LETTERS",
    "QUICKBOOKS_REFERENCE_LETTERS",
    "SAP_ASSIGNMENT_LETTERS",
    "SAP_HEADER_TEXT_LETTERS",
    "SAP_LINES_MAX",
    "SAP_REFERENCE_LETTERS",
    "SAP_TEXT_LETTERS",
    "XERO_REFERENCE_LETTERS",
]

NETSUITE_LINES_MAX: Final = 5_000
"""Lines of one transaction: NetSuite's limit for imports; larger payments are cut."""

SAP_LINES_MAX: Final = 999
"""Line items of one accounting document: BUZEI has three digits."""

SAP_REFERENCE_LETTERS: Final = 16
"""BKPF-XBLNR."""

SAP_HEADER_TEXT_LETTERS: Final = 25
"""BKPF-BKTXT."""

SAP_ASSIGNMENT_LETTERS: Final = 18
"""BSEG-ZUONR."""

SAP_TEXT_LETTERS: Final = 50
"""BSEG-SGTXT."""

ORACLE_RECEIPT_LETTERS: Final = 30
"""ReceiptNumber of a standard receipt."""

ORACLE_REFERENCE_LETTERS: Final = 50
"""ReferenceNumber of a remittance reference."""

ORACLE_REASON_LETTERS: Final = 30
"""CustomerReason of a remittance reference."""

BUSINESS_CENTRAL_DOCUMENT_LETTERS: Final = 20
"""Numbers of documents, customers and accounts (Code[20])."""

BUSINESS_CENTRAL_EXTERNAL_LETTERS: Final = 35
"""externalDocumentNumber (Code[35])."""

BUSINESS_CENTRAL_TEXT_LETTERS: Final = 100
"""description (Text[100])."""

D365_BATCH_LETTERS: Final = 20
"""JournalBatchNumber."""

D365_TEXT_LETTERS: Final = 60
"""TransactionText."""

QUICKBOOKS_REFERENCE_LETTERS: Final = 21
"""PaymentRefNum and DocNumber."""

QUICKBOOKS_NOTE_LETTERS: Final = 4_000
"""PrivateNote."""

XERO_REFERENCE_LETTERS: Final = 255
"""Reference of payments, bank transactions and credit notes."""
