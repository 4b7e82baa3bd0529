"""Bank files into one set of payments: no money twice, repeats left out, refusals reported.

What a clerk must know about a file as a whole (refused, given twice, totals that do not foot and no
payment to say it) becomes an exception without a payment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import pyarrow.compute as pc

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    ControlCheckBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    RemittanceBatch,
)
from parsers.bank_files import parse_source
from parsers.errors import ParserError, UnrecognisedFileError
from parsers.read_options import ReadOptions
from parsers.repeats import merge_parsed
from parsers.same_money import count_once
from tieout.cores import CoreMap
from tieout.exit_codes import NoUsableFileError
from tieout.file_exceptions import exception_batch, file_exception
from tieout.given_files import RefusedFile, given_files, input_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from parsers.lockbox_layouts import LockboxLayout
    from parsers.parsed_file import ParsedFile
    from parsers.repeats import MergedFiles
    from tieout.given_files import GivenFile, InputFile

__all__ = [
    "Intake",
    "ReadFile",
    "add_payments_table",
    "merge_files",
    "read_bank_files",
    "read_given_file",
    "read_given_files",
]


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read: payments of all sources, and what is to say about the sources.

    `files` are the bank files that were read, each content once, in the order of their hashes.
    """

    payments: PaymentBatch = msgspec.field(default_factory=PaymentBatch.empty)
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    advices: AdviceBatch = msgspec.field(default_factory=AdviceBatch.empty)
    control_checks: ControlCheckBatch = msgspec.field(default_factory=ControlCheckBatch.empty)
    diagnostics: DiagnosticBatch = msgspec.field(default_factory=DiagnosticBatch.empty)
    exceptions: ExceptionBatch = msgspec.field(default_factory=ExceptionBatch.empty)
    counted_rows: dict[str, int] = {}
    inputs: tuple[InputFile, ...] = ()
    refused: tuple[RefusedFile, ...] = ()
    files: tuple[ParsedFile, ...] = ()

    def require_usable(self) -> None:
        """Raise `NoUsableFileError` where files were given and every one of them was refused."""
        if self.refused and not self.files:
            raise NoUsableFileError("; ".join(file.message for file in self.refused))


def read_bank_files(
    names: Sequence[str | Path],
    bank_accounts: BankAccountBatch | None = None,
    stdin: BinaryIO | None = None,
    lockbox_layouts: tuple[LockboxLayout, ...] = (),
) -> Intake:
    """Read and merge the bank files `names` (`-` reads `stdin`), on all cores.

    `lockbox_layouts` are tried before those that ship. Raises `FileNotFoundError`; a file that is
    no bank file is refused and the others are read. The result does not depend on the order of
    `names`.
    """
    accounts = BankAccountBatch.empty() if bank_accounts is None else bank_accounts
    with CoreMap() as cores:
        options = ReadOptions(
            bank_accounts=accounts, lockbox_layouts=lockbox_layouts, map_ordered=cores
        )
        return read_given_files(given_files(names, stdin), options)


class ReadFile(msgspec.Struct, frozen=True):
    """A file that was given, and what it holds, or the sentence that says why it cannot be used."""

    file_hash: str
    source_file: str
    parsed: ParsedFile | None
    error: str = ""


def read_given_files(given: Sequence[GivenFile], options: ReadOptions) -> Intake:
    """Read and merge the files `given`, each content once."""
    first: dict[str, ReadFile] = {}
    read = []
    for file in given:
        again = first.get(file.file_hash) if file.file_hash else None
        if again is None:
            again = first[file.file_hash] = read_given_file(file, options)
        read.append(msgspec.structs.replace(again, source_file=file.source_file))
    return merge_files(read, options.bank_accounts)


def read_given_file(file: GivenFile, options: ReadOptions) -> ReadFile:
    """Read one file; a file that cannot be used is no error."""
    try:
        parsed = _parsed(file, options)
    except ParserError as error:
        return ReadFile(file.file_hash, file.source_file, None, str(error))
    return ReadFile(file.file_hash, file.source_file, parsed)


def merge_files(read: Sequence[ReadFile], bank_accounts: BankAccountBatch) -> Intake:
    """Merge files that were read, in the order of their hashes, each content once."""
    files: list[ParsedFile] = []
    refused: list[RefusedFile] = []
    inputs: list[InputFile] = []
    exceptions: list[dict[str, Any]] = []
    first_names: dict[str, str] = {}
    for file in read:
        file_hash, source_file = file.file_hash, file.source_file
        if file_hash and file_hash in first_names:
            inputs.append(input_file(source_file, file_hash, 0, state="repeated"))
            exceptions.append(_repeated_file(file_hash, source_file, first_names[file_hash]))
            continue
        first_names[file_hash] = source_file
        if file.parsed is None:
            refused.append(RefusedFile(source_file, file.error))
            inputs.append(input_file(source_file, file_hash, 0, state="refused"))
            exceptions.append(_refused_file(file_hash or source_file, source_file, file.error))
            continue
        files.append(file.parsed)
        rows = len(file.parsed.payments)
        inputs.append(input_file(source_file, file_hash, rows, file_format=file.parsed.dialect))
    merged = merge_parsed(files)
    exceptions += _repeated_payments(merged) + _silent_totals(files)
    once = count_once(merged.payments, merged.remittances, bank_accounts)
    return Intake(
        payments=once.payments,
        remittances=once.remittances,
        advices=merged.advices,
        control_checks=merged.control_checks,
        diagnostics=DiagnosticBatch.concat([merged.diagnostics, once.diagnostics]),
        exceptions=exception_batch(exceptions),
        counted_rows=dict(sorted((merged.counted_rows | once.counted_rows).items())),
        inputs=tuple(inputs),
        refused=tuple(refused),
        files=tuple(sorted(files, key=lambda file: file.file_id)),
    )


def add_payments_table(intake: Intake, payments: PaymentBatch) -> Intake:
    """`intake` and the payments of a table; one that a bank file gave is not added again."""
    if not len(intake.payments):
        return msgspec.structs.replace(intake, payments=payments)
    known = pc.is_in(payments.text("payment_id"), intake.payments.text("payment_id"))
    new = PaymentBatch.of(payments.record_batch.filter(pc.invert(known)))
    repeated = PaymentBatch.of(payments.record_batch.filter(known))
    rows = [
        _repeated_payment(identity, source_file, amount, currency)
        for identity, source_file, amount, currency in zip(
            repeated.strings("payment_id"),
            repeated.strings("source_file"),
            repeated.int64("amount_minor").tolist(),
            repeated.strings("currency"),
            strict=True,
        )
    ]
    return msgspec.structs.replace(
        intake,
        payments=PaymentBatch.concat([intake.payments, new]),
        exceptions=ExceptionBatch.concat([intake.exceptions, exception_batch(rows)]),
    )


def _parsed(file: GivenFile, options: ReadOptions) -> ParsedFile:
    if file.source is None:
        raise UnrecognisedFileError(file.error)
    return parse_source(file.source, file.source_file, options)


def _repeated_file(file_hash: str, source_file: str, first: str) -> dict[str, Any]:
    return file_exception(
        "IN-DUPFILE",
        file_hash,
        source_file,
        message=f"{source_file} has the same content as {first}; it was read once.",
        missing_fact="why the same file was given twice",
        suggested_action="Remove one of the two files; nothing was counted twice.",
    )


def _refused_file(file_hash: str, source_file: str, sentence: str) -> dict[str, Any]:
    return file_exception(
        "IN-FORMAT",
        file_hash,
        source_file,
        message=sentence,
        missing_fact="a file in a format that is read",
        suggested_action="Ask the bank for the file in a documented format, or drop it.",
    )


def _repeated_payment(
    identity: str, source_file: str, amount_minor: int, currency: str
) -> dict[str, Any]:
    return file_exception(
        "IN-DUPPAY",
        identity,
        source_file,
        amount_minor=amount_minor,
        currency=currency,
        message=(
            f"Payment {identity} stands in {source_file} with the same account, dates, amount, "
            f"references and payer as in another file; it was counted once."
        ),
        missing_fact="whether the bank reported one payment twice or two equal payments",
        suggested_action="Compare both files; enter the second payment by hand if it is one.",
    )


def _repeated_payments(merged: MergedFiles) -> list[dict[str, Any]]:
    if not merged.repeated:
        return []
    payments = merged.payments
    amounts = dict(
        zip(
            payments.strings("payment_id"),
            zip(payments.int64("amount_minor").tolist(), payments.strings("currency"), strict=True),
            strict=True,
        )
    )
    rows = {
        (identity, source_file): _repeated_payment(identity, source_file, *amounts[identity])
        for identity, source_file in merged.repeated
    }
    return list(rows.values())


def _silent_totals(files: Sequence[ParsedFile]) -> list[dict[str, Any]]:
    """Files whose totals do not foot but which hold no payment that could say so."""
    rows = []
    for file in files:
        foots = pc.all(file.control_checks.record_batch.column("ok")).as_py()
        if len(file.payments) or foots is not False:
            continue
        rows.append(
            file_exception(
                "IN-TOTAL",
                file.file_id,
                file.source_file,
                message=f"The totals of {file.source_file} do not foot and it holds no payment.",
                missing_fact="the rows the declared totals count",
                suggested_action="Ask the bank to send the file again.",
            )
        )
    return rows
