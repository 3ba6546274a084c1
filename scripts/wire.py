"""Describes the messages once more as the server reads and writes them: the same bytes, with free-form values unparsed.

Below `orchestrator.wire`, a field that is a google.protobuf.Value or Struct is bytes, so that a value of any size goes
from a client into the store and out again without a look at what is in it. `orchestrator.wire.Value` is the twin of
google.protobuf.Value for those who do look: its objects keep the order of their keys, which protobuf's maps lose.
`orchestrator.wire.Outline` is another one for those who look at one level: what is in that stays bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

VALUES = "google/protobuf/struct.proto"
_OF_VALUES = ("Value", "Struct", "ListValue", "NullValue", "Struct.FieldsEntry")
_FREE_FORM = (".google.protobuf.Value", ".google.protobuf.Struct")


def twins(files: Iterable[FileDescriptorProto]) -> list[FileDescriptorProto]:
    """The twins of those files that have any."""
    return [_twin(file) for file in files if _renamed(file.name, "/") != file.name]


def _twin(file: FileDescriptorProto) -> FileDescriptorProto:
    twin = FileDescriptorProto()
    twin.CopyFrom(file)
    twin.name = _renamed(file.name, "/")
    twin.package = "orchestrator.wire" if file.name == VALUES else _renamed(f".{file.package}", ".").lstrip(".")
    # Services are served under the names that the protos give them.
    for own in ("service", "source_code_info"):
        twin.ClearField(own)
    twin.dependency[:] = [_renamed(name, "/") for name in file.dependency]
    for message in twin.message_type:
        _rename(message, opaque=file.name != VALUES)
    if file.name == VALUES:
        _outline(twin)
    return twin


def _outline(file: FileDescriptorProto) -> None:
    """Adds what reads one level: `Outline` for a Value, `Parts` for a Struct or a ListValue, `Members` for a Struct."""
    types, many, one = FieldDescriptorProto, FieldDescriptorProto.LABEL_REPEATED, FieldDescriptorProto.LABEL_OPTIONAL
    outline = file.message_type.add(name="Outline")
    outline.CopyFrom(next(message for message in file.message_type if message.name == "Value"))
    outline.name = "Outline"
    for field in outline.field:
        if field.type == types.TYPE_MESSAGE:
            field.type_name = ".orchestrator.wire.Parts"
    parts = file.message_type.add(name="Parts")
    parts.field.add(name="parts", number=1, type=types.TYPE_BYTES, label=many)
    members = file.message_type.add(name="Members")
    entry = members.nested_type.add(name="FieldsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=types.TYPE_STRING, label=one)
    entry.field.add(name="value", number=2, type=types.TYPE_BYTES, label=one)
    name = ".orchestrator.wire.Members.FieldsEntry"
    members.field.add(name="fields", number=1, type=types.TYPE_MESSAGE, type_name=name, label=many)


def _rename(message: DescriptorProto, *, opaque: bool) -> None:
    if not opaque:
        message.options.ClearField("map_entry")
    for field in message.field:
        if opaque and field.type_name in _FREE_FORM:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
            if not field.HasField("oneof_index"):
                # Whether there is a value stays to be seen.
                field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.name}")
        elif field.type_name:
            field.type_name = _renamed(field.type_name, ".")
    for nested in message.nested_type:
        _rename(nested, opaque=opaque)


def _renamed(name: str, dot: str) -> str:
    """A file's name (parts divided by slashes) or a full name (by dots, and one before it) as the twin has it."""
    lead = "." if dot == "." else ""
    ours, values = f"{lead}orchestrator{dot}", f"{lead}google{dot}protobuf{dot}"
    if name.startswith(ours) and not name.startswith(f"{ours}options{dot}"):
        return f"{ours}wire{dot}{name.removeprefix(ours)}"
    if name in (
        VALUES,
        *(f"{values}{own}" for own in ("Value", "Struct", "ListValue", "NullValue", "Struct.FieldsEntry")),
    ):
        return f"{ours}wire{dot}{name.removeprefix(values)}"
    return name
