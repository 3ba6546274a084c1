from __future__ import annotations

from typing import Any

import grpc
import pytest

from orchestrator.v1 import task_service_pb2, task_service_pb2_grpc

from server.app import Application
from tests.support.industrial import Industrial, Refused, with_bounds_lifted
from tests.support.tenants import Tenant
from tests.support.workers import Client as Workers


@pytest.fixture
def extra() -> dict[str, Any]:
    return {}


@pytest.fixture
def settings(settings, extra):
    return with_bounds_lifted(settings, **extra)


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def api(channel, tenant: Tenant) -> Industrial:
    return Industrial(channel, tenant.metadata)


@pytest.fixture
def stranger(channel, other_tenant: Tenant) -> Industrial:
    return Industrial(channel, other_tenant.metadata)


@pytest.fixture
def workers(channel, tenant: Tenant) -> Workers:
    return Workers(channel, tenant)


@pytest.fixture
def native(channel, tenant):
    stub = task_service_pb2_grpc.TaskServiceStub(channel)

    async def call(method: str, task):
        request = getattr(task_service_pb2, f"{method}Request")(id=task.id)
        try:
            return await getattr(stub, method)(request, metadata=tenant.metadata)
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None

    return call
