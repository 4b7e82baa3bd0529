"""The companies of a caller, held against rows: what is out of scope is refused, never left out.

A file or a match is one thing: its sums foot only as a whole, so it is the caller's as a whole or
not at all. Lists are filtered in the store instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from rpc.caller import current_caller
from store.bank_file_records import ExceptionFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from store.bank_files import BankFiles

__all__ = ["check_companies", "check_company_column", "check_file", "scoped"]


def check_companies(company_ids: Iterable[str]) -> None:
    """Raise `CompanyNotPermittedError` for the first company that is not the caller's."""
    caller = current_caller()
    if caller.companies is not None:
        for company_id in sorted(company_ids):
            caller.check_company(company_id)


def check_company_column(company_ids: pa.Array) -> None:
    """Raise `CompanyNotPermittedError` where a row is of a company that is not the caller's."""
    if current_caller().companies is not None:
        check_companies(pc.unique(company_ids).to_pylist())


def check_file(bank_files: BankFiles, file_id: str) -> None:
    """Raise `CompanyNotPermittedError` where a kept file has payments of other companies."""
    if current_caller().companies is not None:
        check_companies(bank_files.companies_of(file_id))


def scoped(*, code: str = "", file_id: str = "", customer_id: str = "") -> ExceptionFilter:
    """Exceptions that the caller asks for and may see."""
    companies = current_caller().companies
    return ExceptionFilter(
        code=code,
        file_id=file_id,
        customer_id=customer_id,
        companies=None if companies is None else tuple(sorted(companies)),
    )
