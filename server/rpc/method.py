"""Methods as the protos describe them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import unquote_plus

from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.apikit.api import Api
from server.errors import InvalidRequest

RULE = "orchestrator.options.v1.rule"
HTTP = "google.api.http"
_VARIABLE = re.compile(r"\{(\w+)(?:=\*\*)?\}")
_ANY_VARIABLE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """A path that a method has over HTTP, as the document writes it."""

    verb: str
    template: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Method:
    """What a method's proto says of it."""

    name: str
    scope: str
    http_status: int
    idempotency: bool
    # Whether it may be called without a credential, and whether calls are left out of the quotas.
    open: bool
    unmetered: bool
    # Whether it obeys If-Match, and whether it finds out itself if the caller may.
    if_match: bool
    asks_itself: bool
    api: Api
    # Whether the server goes on answering, and whether the client goes on asking.
    streams: bool
    client_streams: bool
    request: type[Message]
    answer: type[Message]
    # The paths that it has over HTTP with variables in them, and every spelling of those variables in a query.
    paths: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = ()
    # All of its paths over HTTP.
    endpoints: tuple[Endpoint, ...] = ()
    # Where its requests come from, for people who look for what is wrong with one.
    source: str = "body"
    # Every spelling of the fields that its JSON bodies may have; None where they are not read as such.
    body_fields: frozenset[str] | None = None

    @property
    def service(self) -> str:
        """The name of its service, without the package."""
        return self.name.partition("/")[0].rpartition(".")[2]

    def endpoint(self, path: str) -> Endpoint | None:
        """By which of its paths over HTTP a call came; where two verbs have the same one, by the first of them."""
        endpoints = self.endpoints
        if len(endpoints) > 1:
            bare = path.partition("?")[0]
            for each in endpoints:
                if each.pattern.fullmatch(bare):
                    return each
        return endpoints[0] if endpoints else None

    def unknown_fields(self, names: str) -> list[str]:
        """Which of a body's fields, which the gateway has named, are none of this method's."""
        known = self.body_fields
        return [] if known is None else [name for name in names.split(",") if name not in known]

    def check_query(self, original_path: str) -> None:
        """Refuses a query that names what the path names already: which of the two counts is the gateway's secret.

        Raises InvalidRequest.
        """
        path, _, query = original_path.partition("?")
        bound: dict[str, str] = {}
        for pattern, variables in self.paths:
            if pattern.fullmatch(path):
                bound.update(variables)
        if not bound:
            return
        for pair in query.split("&"):
            # A part of a variable is none of the query's business either.
            field = bound.get(unquote_plus(pair.partition("=")[0]).partition(".")[0])
            if field is not None:
                raise InvalidRequest(field, "is in the path and must not be in the query")


def method_of(descriptor: MethodDescriptor, api: Api) -> Method:
    """Reads a method's proto. Raises where it carries no rule: what nobody allowed is denied."""
    rule, http = _options(descriptor)
    if rule is None or not (rule.scope or rule.open):
        raise TypeError(f"{descriptor.full_name} says no scope")
    if descriptor.client_streaming and rule.idempotency:
        raise TypeError(f"{descriptor.full_name} has a shape that the pipeline does not serve")
    return Method(
        name=f"{descriptor.containing_service.full_name}/{descriptor.name}",
        scope=rule.scope,
        http_status=rule.http_status or 200,
        idempotency=rule.idempotency,
        open=rule.open,
        unmetered=rule.unmetered,
        if_match=rule.if_match,
        asks_itself=rule.asks_itself,
        api=api,
        streams=descriptor.server_streaming,
        client_streams=descriptor.client_streaming,
        request=_message(descriptor.input_type),
        answer=_message(descriptor.output_type),
        paths=_paths(descriptor),
        endpoints=_endpoints(descriptor),
        source="query" if http is not None and not http.body else "body",
        body_fields=_body_fields(descriptor),
    )


# What follows is the same for every server of a process: what a descriptor says is read once.


@cache
def _options(descriptor: MethodDescriptor) -> tuple[Any, Any]:
    """Its rule and its path over HTTP, where it has them."""
    options = {option.full_name: value for option, value in descriptor.GetOptions().ListFields()}
    return options.get(RULE), options.get(HTTP)


@cache
def _message(descriptor: Descriptor) -> type[Message]:
    """The class of a message as the server works with it: its twin, in which free-form values are bytes."""
    folder, _, path = descriptor.file.name.removesuffix(".proto").partition("/")
    if folder != "orchestrator":
        return GetMessageClass(descriptor)
    twin: type[Message] = getattr(import_module(f"orchestrator.wire.{path.replace('/', '.')}_pb2"), descriptor.name)
    return twin


@cache
def _body_fields(descriptor: MethodDescriptor) -> frozenset[str] | None:
    # An HttpBody is whatever the method makes of it.
    _, http = _options(descriptor)
    raw = descriptor.input_type.full_name == "google.api.HttpBody"
    if raw or http is None or all(each.body != "*" for each in (http, *http.additional_bindings)):
        return None
    fields = descriptor.input_type.fields
    return frozenset(spelling for field in fields for spelling in (field.name, field.json_name))


@cache
def _endpoints(descriptor: MethodDescriptor) -> tuple[Endpoint, ...]:
    _, rule = _options(descriptor)
    found = []
    for binding in [rule, *rule.additional_bindings] if rule is not None else []:
        verb = binding.WhichOneof("pattern") or "get"
        template = str(getattr(binding, verb))
        # A variable with a pattern of its own is a part of the path like any other, or the rest of it.
        literals = [re.escape(each) for each in _ANY_VARIABLE.sub("\0", template).split("\0")]
        found.append(Endpoint(verb.upper(), template, re.compile(".+".join(literals))))
    return tuple(found)


@cache
def _paths(descriptor: MethodDescriptor) -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    """The method's paths over HTTP that have variables, each with its variables as a query may spell them."""
    _, rule = _options(descriptor)
    paths = []
    for binding in [rule, *rule.additional_bindings] if rule is not None else []:
        template = binding.custom.path or getattr(binding, binding.WhichOneof("pattern") or "get", "")
        names = _VARIABLE.findall(template) if isinstance(template, str) else []
        if names:
            fields = [descriptor.input_type.fields_by_name[name] for name in names]
            spelled = {spelling: each.name for each in fields for spelling in (each.name, each.json_name)}
            literals = [re.escape(each) for each in _VARIABLE.sub("\0", template).split("\0")]
            one = ".+" if "=**" in template else "[^/]+"
            paths.append((re.compile(one.join(literals)), spelled))
    return tuple(paths)
