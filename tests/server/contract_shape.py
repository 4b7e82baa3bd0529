"""The contract as lines of text, one per promise; run as a program it writes the released ones.

A line holds all that a caller may have built upon: a name, a number, a type, a place. Whatever
breaks a caller takes a line away or changes it; whatever is merely added adds lines. Beside the
lines, which people review, stands the same contract as buf compares it.
"""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
RELEASED = Path(__file__).with_name("released_contract.txt")
RELEASED_IMAGE = RELEASED.with_suffix(".binpb")
BUF = ROOT / ".cache" / "codegen" / "bin" / "buf"
Field = descriptor_pb2.FieldDescriptorProto


def current_files() -> list[descriptor_pb2.FileDescriptorProto]:
    """The files of the contract, as the committed stubs have them."""
    files = []
    for path in sorted(ROOT.glob("tieout/v1/*_pb2.py")):
        file = descriptor_pb2.FileDescriptorProto()
        importlib.import_module(f"tieout.v1.{path.stem}").DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return files


def promises(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> list[str]:
    """Every promise of `files`, in order."""
    return sorted(line for file in files for line in _of_file(file))


def broken(
    released: Iterable[str], files: Iterable[descriptor_pb2.FileDescriptorProto]
) -> list[str]:
    """The released promises that `files` do not keep."""
    kept = set(promises(files))
    return [line for line in released if line not in kept]


def _of_file(file: descriptor_pb2.FileDescriptorProto) -> Iterator[str]:
    for message in file.message_type:
        yield from _of_message(message, file.package, file.name)
    for enum in file.enum_type:
        yield from _of_enum(enum, file.package, file.name)
    for service in file.service:
        name = f"{file.package}.{service.name}"
        yield f"service {name} in {file.name}"
        for method in service.method:
            request = "stream " * method.client_streaming + method.input_type
            response = "stream " * method.server_streaming + method.output_type
            yield f"rpc {name}/{method.name}: {request} -> {response}"


def _of_message(
    message: descriptor_pb2.DescriptorProto, scope: str, file_name: str
) -> Iterator[str]:
    name = f"{scope}.{message.name}"
    yield f"message {name} in {file_name}"
    for field in message.field:
        yield f"field {name}.{field.name} = {field.number}: {_of_field(message, field)}"
    yield from _reserved(name, message, 1)
    for inner in message.nested_type:
        yield from _of_message(inner, name, file_name)
    for enum in message.enum_type:
        yield from _of_enum(enum, name, file_name)


def _of_field(message: descriptor_pb2.DescriptorProto, field: Field) -> str:
    words = [
        Field.Label.Name(field.label).removeprefix("LABEL_").lower(),
        field.type_name or Field.Type.Name(field.type).removeprefix("TYPE_").lower(),
    ]
    if field.proto3_optional:
        words.append("with presence")
    elif field.HasField("oneof_index"):
        words.append(f"in oneof {message.oneof_decl[field.oneof_index].name}")
    if field.json_name:
        words.append(f"in JSON {field.json_name}")
    return " ".join(words)


def _of_enum(enum: descriptor_pb2.EnumDescriptorProto, scope: str, file_name: str) -> Iterator[str]:
    name = f"{scope}.{enum.name}"
    yield f"enum {name} in {file_name}"
    for value in enum.value:
        yield f"value {name}.{value.name} = {value.number}"
    yield from _reserved(name, enum, 0)


def _reserved(
    name: str,
    element: descriptor_pb2.DescriptorProto | descriptor_pb2.EnumDescriptorProto,
    beyond: int,
) -> Iterator[str]:
    """What may not be used again; a message's range ends before its end, an enum's with it."""
    for numbers in element.reserved_range:
        for number in range(numbers.start, numbers.end + 1 - beyond):
            yield f"reserved {name} = {number}"
    for word in element.reserved_name:
        yield f"reserved {name}.{word}"


if __name__ == "__main__":
    RELEASED.write_text("\n".join(promises(current_files())) + "\n")
    told = ["--as-file-descriptor-set", "--exclude-source-info", "-o", RELEASED_IMAGE]
    subprocess.run([BUF, "build", ROOT / "proto", *told], check=True)
