"""Handlers: the methods of every API, wrapped by the pipeline when the server is built, and found by their paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from server.apikit.api import Api
from server.rpc.in_process import InProcessContext
from server.rpc.method import method_of
from server.rpc.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class BidiHandler:
    """A bidirectional method as whoever is in this process calls it, without a channel."""

    api: Api
    descriptor: MethodDescriptor
    handle: Callable[[AsyncIterator[Message], InProcessContext], AsyncIterator[Message]]


class Handlers(grpc.GenericRpcHandler):
    """Every method of every API, found by its path in one look."""

    def __init__(self, apis: Sequence[Api], pipeline: Pipeline) -> None:
        self._by_path: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self.bidi: list[BidiHandler] = []
        for api in apis:
            for service, servicer in api.services:
                for descriptor in service.methods:
                    self._add(api, descriptor, servicer, pipeline)

    def _add(self, api: Api, descriptor: MethodDescriptor, servicer: object, pipeline: Pipeline) -> None:
        """Raises where the servicer lacks the method: no RPC is left unimplemented."""
        method = method_of(descriptor, api)
        behaviour = getattr(servicer, descriptor.name)
        handle: Any
        make: Any
        if method.client_streams and not method.streams:
            make, handle = grpc.stream_unary_rpc_method_handler, pipeline.upload(method, behaviour)
        elif method.client_streams:
            make, handle = grpc.stream_stream_rpc_method_handler, pipeline.bidi(method, behaviour)
            self.bidi.append(BidiHandler(api, descriptor, handle))
        elif method.streams:
            make, handle = grpc.unary_stream_rpc_method_handler, pipeline.stream(method, behaviour)
        else:
            make, handle = grpc.unary_unary_rpc_method_handler, pipeline.unary(method, behaviour)
        # Requests are parsed in the pipeline, which refuses a malformed one like any other.
        serializer = _streamed if method.streams else method.answer.SerializeToString
        self._by_path[f"/{method.name}"] = make(handle, response_serializer=serializer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a method, or None for one that is not ours."""
        return self._by_path.get(handler_call_details.method)


def _streamed(answer: Message | bytes) -> bytes:
    """A message of a stream, or what stands for its being broken off."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()
