"""What the README and the examples say works as pasted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).resolve().parents[2]


def test_the_first_success_of_the_readme_works_as_pasted(stack: Stack, key: str, tmp_path: Path) -> None:
    section = re.search(r"## A first success\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert len(blocks) == 7
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dev-api-key").write_text(key + "\n")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    script = "\necho ---\n".join(blocks)
    script = script.replace("localhost:8000", f"localhost:{stack.port}").replace("curl -sN", "timeout 2 curl -sN")
    script = script.replace("first_task.py", f"first_task.py --address localhost:{stack.grpc_port}")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    shown = done.stdout.split("---\n")
    assert '"name":"My Session"' in shown[1] and '"status":"created"' in shown[1]
    assert '"output":"HELLO WORLD"' in shown[3] and '"status":"completed"' in shown[3]
    assert "You said in turn 1: “My favourite colour is teal.” [1]" in shown[4]
    assert "event: session.created" in shown[5] and "event: execution.completed" in shown[5]
    assert "event: chat.completed" in shown[5]
    assert shown[6].splitlines()[1:] == ["task.created", "task.started", "task.completed", "HELLO WORLD"], done.stderr


def test_the_walk_through_knowledge_and_webhooks_works_as_pasted(stack: Stack, key: str, tmp_path: Path) -> None:
    section = re.search(r"## Something to know.*?\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert len(blocks) == 2
    receiver = (ROOT / "examples" / "webhook_receiver.py").read_text()
    port = free_port()
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "webhook_receiver.py").write_text(receiver.replace("9000", str(port)))
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "README.md").symlink_to(ROOT / "README.md")
    given = f'API=http://localhost:{stack.port}/v1\nAUTH="Authorization: Bearer {key}"\n'
    # Whoever pastes by hand takes longer than a script between the first lines.
    wait = "for i in $(seq 100); do curl -s $API/knowledge/documents -H \"$AUTH\" | grep -q ready && break; sleep 0.1; done\n"
    script = given + blocks[0].replace("sleep 2\n", wait) + "\necho ---\n" + blocks[1].replace("9000", str(port))
    listening = f"for i in $(seq 200); do (: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null && break; sleep 0.1; done\n"
    heard = "for i in $(seq 200); do grep -q watched told && break; sleep 0.1; done\n"
    script = script.replace("receiver.py &\nsleep 1\n", f"receiver.py > told &\n{listening}")
    script = script.replace("sleep 1\n", heard) + 'kill "$!"\ncat told\n'
    arguments = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(["bash", "-c", script], **arguments)
    found, told = done.stdout.split("---\n")
    assert '"title":"What this is"' in found and "\\u003cmark\\u003ekill\\u003c/mark\\u003e" in found, done
    assert "signed session.created watched" in told, done


def test_the_walk_through_of_people_works_as_pasted(stack: Stack) -> None:
    section = re.search(r"## People and their tasks\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert len(blocks) == 2
    script = "".join(blocks).replace("localhost:3000", f"localhost:{stack.operations_port}").replace("\ncurl", "\necho\ncurl")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    taken, said, ended, found, whole = (json.loads(line) for line in done.stdout.splitlines() if line)
    assert taken["data"]["status"] == "active" and said["data"]["content"] == "Tokens end with their login."
    assert ended["data"]["status"] == "completed" and ended["data"]["actualHours"] == 7.5
    assert ended["data"]["id"] in {task["id"] for task in found["data"]}
    task = whole["data"]
    assert len(task["comments"]) == 1 and task["metrics"]["timeSpent"] == 7.5
    assert {("active", "completed"), ("pending", "active")} <= {(each["from"], each["to"]) for each in task["history"]}


def test_the_second_walk_through_of_the_readme_works_as_pasted(stack: Stack, key: str, tmp_path: Path) -> None:
    section = re.search(r"## Workers and a workflow\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert len(blocks) == 4
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dev-api-key").write_text(key + "\n")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    # Whoever pastes by hand takes longer than a script between the first lines.
    wait = f"""for i in $(seq 100); do
      curl -s "http://localhost:{stack.operations_port}/v1/agents?status=active" -H "Authorization: Bearer {key}" |
        grep -q '"total":2' && break; sleep 0.1; done\n"""
    blocks[1] = wait + blocks[1]
    script = "set -m\n" + "\necho ---\n".join(blocks) + "\nwait"
    script = script.replace("localhost:3000", f"localhost:{stack.operations_port}")
    environment = {
        **os.environ,
        "ORCHESTRATOR_ADDRESS": f"127.0.0.1:{stack.grpc_port}",
        "ORCHESTRATOR_OPERATIONS": f"127.0.0.1:{stack.operations_port}",
        "PYTHONPATH": str(ROOT),
    }
    arguments = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 90}
    done = subprocess.run(["bash", "-c", script], **arguments)
    shown = done.stdout.split("---\n")
    watched = [line.split()[1:3] for line in shown[2].splitlines() if line[0].isdigit()]
    assert [words[0] for words in watched if words[0].startswith("workflow")] == [
        "workflow_started",
        "workflow_completed",
    ], done.stdout + done.stderr
    assert ["task_completed", "data_extractor"] in watched and ["task_completed", "data_processor"] in watched
    run, tasks = (json.loads(text) for text in re.findall(r"\{.*\}", shown[3].replace("}{", "}\n{")))
    assert run["data"]["status"] == "completed"
    assert [step["status"] for step in run["data"]["steps"]] == ["completed", "completed"]
    assert tasks["data"][0]["status"] == "completed" and tasks["pagination"]["total"] == 1


def test_a_session_is_watched_over_rest_until_it_ends(stack: Stack, client, key: str) -> None:
    session = client.post("/v1/sessions", json={"name": "watched"}).json()["id"]
    command = [sys.executable, str(ROOT / "examples" / "watch_session.py"), session, "--url", stack.url, "--key", key]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    threading.Timer(0.5, lambda: client.post(f"/v1/sessions/{session}/complete")).start()
    shown, _ = watching.communicate(timeout=20)
    assert shown.splitlines() == ["1 session.created", "2 session.completed"]


def test_every_page_that_is_linked_is_there() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_setting_is_documented() -> None:
    from server.settings import Settings

    page = (ROOT / "docs" / "operating.md").read_text()
    assert not [name for name in Settings.model_fields if f"`{name.upper()}`" not in page]


GREET = """
import asyncio, json, sys
from pathlib import Path
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from gateway.configuration import configuration
from server.apis import declarations
from server.app import Application
from server.core.identity.scopes import DECLARED_SCOPES
from server.settings import Settings
descriptors = FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes())
application = Application(Settings(data_dir=Path(sys.argv[2])))
config = configuration(declarations(), descriptors)
hosts = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
greetings = next(host for host in hosts if host["domains"] == ["api.greetings.example"])
from orchestrator.greetings.v1.greeting_service_pb2 import GetGreetingRequest
from server.apis.greetings.greetings import GreetingServicer
said = asyncio.run(GreetingServicer().GetGreeting(GetGreetingRequest(full_name="Ada"), None))
print(json.dumps([application.services, greetings["typed_per_filter_config"], said.warm_words]))
"""


def test_the_api_of_the_page_on_adding_one_is_found_by_its_folder(tmp_path: Path) -> None:
    import google.api
    import grpc_tools
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from grpc_tools import protoc

    from scripts.wire import twins

    page = (ROOT / "docs" / "adding-an-api.md").read_text()
    (proto,) = re.findall(r"```proto\n(.*?)```", page, re.S)
    declared, services, servicer = re.findall(r"```python\n(.*?)```", page, re.S)
    for folder in ("server", "gateway", "generated", "protos"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "server" / "apis" / "greetings"
    folder.mkdir()
    for name, text in (("__init__", ""), ("declaration", declared), ("services", services), ("greetings", servicer)):
        (folder / f"{name}.py").write_text(text)
    source = tmp_path / "protos" / "orchestrator" / "greetings" / "v1" / "greeting_service.proto"
    source.parent.mkdir(parents=True)
    source.write_text(proto)
    generated, ours = tmp_path / "generated", tmp_path / "ours.binpb"
    include = [
        tmp_path / "protos",
        Path(next(iter(google.api.__path__))).parents[1],
        Path(grpc_tools.__file__).parent / "_proto",
    ]
    made = ["--include_imports", f"--descriptor_set_out={ours}", f"--python_out={generated}", str(source)]
    assert protoc.main(["protoc", *(f"-I{each}" for each in include), *made]) == 0
    known = FileDescriptorSet.FromString(ours.read_bytes()).file
    described, wire = tmp_path / "wire.binpb", twins(known)
    described.write_bytes(FileDescriptorSet(file=[*known, *wire]).SerializeToString())
    names = [each.name for each in wire if "greetings" in each.name]
    assert protoc.main(["protoc", f"--descriptor_set_in={described}", f"--python_out={generated}", *names]) == 0
    command = [sys.executable, "-c", GREET, str(ours), str(tmp_path / "data")]
    # The copies come before what is installed; ours has no other API, so only this one has routes.
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{generated}"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    served, filters, said = json.loads(done.stdout)
    assert "orchestrator.greetings.v1.GreetingService" in served and said == "Hello, Ada"
    transcoder = filters["envoy.filters.http.grpc_json_transcoder"]
    assert transcoder["services"] == ["orchestrator.greetings.v1.GreetingService"]
    assert transcoder["print_options"]["preserve_proto_field_names"] is False
