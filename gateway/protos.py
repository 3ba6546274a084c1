"""What the descriptor set says of an API: its services, its paths over HTTP, its scopes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto
from orchestrator.options.v1 import options_pb2

HTTP: Any = annotations_pb2.http
RULE: Any = options_pb2.rule
_VARIABLE = re.compile(r"\{[\w.]+(?:=(\*\*?))?\}|(\*\*?)")


@dataclass(frozen=True, slots=True)
class Binding:
    """A path that a method has over HTTP, such as `GET /v1/agents/{agent_id}`."""

    verb: str
    template: str
    # Whether its answers have no end, whether it is a WebSocket, and whether its body goes on as it comes.
    stream: bool
    socket: bool
    upload: bool
    # Whether it may be called without a credential.
    open: bool

    def pattern(self, one: str, some: str, quote: str) -> str:
        """The template as an expression that has `one` for a part of the path, and quotes what is special."""
        pattern, position = "", 0
        for found in _VARIABLE.finditer(self.template):
            pattern += _quoted(self.template[position : found.start()], quote)
            pattern += some if "**" in (found[1], found[2]) else one
            position = found.end()
        return pattern + _quoted(self.template[position:], quote)


def _quoted(text: str, quote: str) -> str:
    return re.sub(r"([^\w/])", lambda found: quote + found[1], text)


def services(descriptors: FileDescriptorSet, packages: Sequence[str]) -> list[str]:
    """The full names of the packages' services that have paths over HTTP."""
    return sorted(
        f"{file.package}.{service.name}"
        for file in descriptors.file
        if file.package in packages
        for service in file.service
        if any(True for method in service.method for _ in _bindings(method))
    )


def bindings(descriptors: FileDescriptorSet, packages: Sequence[str], leave_out: Collection[str] = ()) -> list[Binding]:
    """The packages' paths over HTTP, but for those of services of some names."""
    return [each for method in _methods(descriptors, packages, leave_out) for each in _bindings(method)]


def scopes(descriptors: FileDescriptorSet) -> list[str]:
    """Every scope that a method's rule names."""
    packages = [file.package for file in descriptors.file]
    rules: list[Any] = [method.options.Extensions[RULE] for method in _methods(descriptors, packages)]
    return sorted({rule.scope for rule in rules if rule.scope})


def _methods(
    descriptors: FileDescriptorSet, packages: Sequence[str], leave_out: Collection[str] = ()
) -> Iterator[MethodDescriptorProto]:
    for file in descriptors.file:
        if file.package in packages:
            for service in file.service:
                if service.name not in leave_out:
                    yield from service.method


def _bindings(method: MethodDescriptorProto) -> Iterator[Binding]:
    rule: Any = method.options.Extensions[HTTP]
    for each in (rule, *rule.additional_bindings):
        verb = each.WhichOneof("pattern")
        if verb is not None:
            socket = method.client_streaming and method.server_streaming
            stream = method.server_streaming and not method.client_streaming
            upload = method.client_streaming and not method.server_streaming
            open = method.options.Extensions[RULE].open
            yield Binding(verb.upper(), getattr(each, verb), stream, socket, upload, open)
