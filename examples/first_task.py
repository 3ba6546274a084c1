"""Deploys an agent with the native stubs, gives it a task, and watches the events until it is done."""

from __future__ import annotations

import argparse
from pathlib import Path

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)


def main(address: str, key: str) -> None:
    """Runs one task at the server that listens at `address`."""
    with grpc.insecure_channel(address) as channel:
        agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        events = event_service_pb2_grpc.EventServiceStub(channel)
        metadata = (("authorization", f"Bearer {key}"),)

        code = "def process_data(data): return data.upper()"
        request = agent_service_pb2.CreateAgentRequest(name="Data Processor", code=code)
        agent = agents.CreateAgent(request, metadata=metadata)
        print(f"{agent.id} is active")

        # The cursor is taken before the task is created, so none of its events can be missed.
        cursor = events.ListEvents(event_service_pb2.ListEventsRequest(limit=1), metadata=metadata).newest
        work = ParseDict({"text": "hello world"}, Value())
        task = tasks.CreateTask(task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=work), metadata=metadata)
        watched = event_service_pb2.WatchRequest(after=cursor, resource_id=task.id)
        for event in events.Watch(watched, metadata=metadata):
            if event.type != "heartbeat":
                print(event.type)
            if event.type in {"task.completed", "task.failed", "task.cancelled"}:
                break
        print(event.task.output.string_value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="localhost:50051")
    parser.add_argument("--key", default="")
    arguments = parser.parse_args()
    main(arguments.address, arguments.key or Path("data/dev-api-key").read_text().strip())
