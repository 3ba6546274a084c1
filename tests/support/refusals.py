"""What a refused call says."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status


def reason(error: grpc.aio.AioRpcError) -> ErrorInfo:
    found = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info = ErrorInfo()
    Status.FromString(found).details[0].Unpack(info)
    return info


async def refused(awaitable) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await awaitable
    return caught.value
