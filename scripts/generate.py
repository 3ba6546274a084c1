"""Generates everything under generated/ from protos/, and beside it envoy.yaml and the list of scopes.

Protos of other packages come from the installed packages, or from the source distribution of the installed version,
and are copied to build/third_party, which is never committed.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import google.api
import grpc_tools
import uv
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from gateway import protos
from gateway.configuration import configuration
from gateway.document import text
from scripts.wire import twins
from server.apis import declarations

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
THIRD_PARTY = ROOT / "build" / "third_party"
# A module of its own, because core knows no protobuf.
SCOPES = Path("server/core/identity/declared_scopes.py")
SCOPES_HEADER = '"""The scopes that the methods\' rules name. Made by `make generate` of the protos: change those."""\n'
GOOGLE_API = ("annotations", "field_behavior", "http", "httpbody")


def copy_third_party() -> None:
    """Fills build/third_party with google/api and buf/validate."""
    source = Path(next(iter(google.api.__path__)))
    for name in GOOGLE_API:
        _copy(source / f"{name}.proto", THIRD_PARTY / "google" / "api" / f"{name}.proto")
    target = THIRD_PARTY / "buf" / "validate" / "validate.proto"
    version = importlib.metadata.version("protovalidate")
    marker = THIRD_PARTY / f"protovalidate-{version}"
    if not marker.exists():
        _copy(_protovalidate_source(version), target)
        marker.touch()


def _protovalidate_source(version: str) -> Path:
    """Unpacks the source distribution into a cache of our own. Its build may fail: only a file of it counts."""
    cache = ROOT / "build" / "sdist"
    install = [uv.find_uv_bin(), "pip", "install", "--no-deps", "--no-build-isolation", "--no-binary", "protovalidate"]
    arguments = [f"protovalidate=={version}", "--target", str(cache / "target"), "--cache-dir", str(cache)]
    tried = subprocess.run([*install, *arguments], capture_output=True, text=True, check=False)
    for found in cache.glob("sdists-*/**/src/proto/buf/validate/validate.proto"):
        return found
    raise SystemExit(f"no validate.proto in the source distribution of protovalidate {version}:\n{tried.stderr}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def generate(output: Path) -> None:
    """Writes generated code below `output`, which is emptied first."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    ours = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    include = [f"-I{PROTOS}", f"-I{THIRD_PARTY}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    messages = [f"--python_out={output}", f"--pyi_out={output}", f"--grpc_python_out={output}"]
    descriptors = [f"--descriptor_set_out={output / 'orchestrator.binpb'}", "--include_imports"]
    _protoc([*include, *messages, *ours, "buf/validate/validate.proto"])
    _protoc([*include, *descriptors, *ours])
    generate_wire(output)
    for folder in (path for path in output.rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()


def generate_wire(output: Path) -> None:
    """Writes the messages that the server works with."""
    known = _descriptors(output).file
    described, wire = ROOT / "build" / "wire.binpb", twins(known)
    described.write_bytes(FileDescriptorSet(file=[*known, *wire]).SerializeToString())
    names = [file.name for file in wire]
    _protoc([f"--descriptor_set_in={described}", f"--python_out={output}", f"--pyi_out={output}", *names])


def _protoc(arguments: list[str]) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit("protoc failed")


def list_scopes(output: Path) -> None:
    """Writes a module beside `output` with the scopes that the methods' rules name."""
    target = output.parent / SCOPES
    target.parent.mkdir(parents=True, exist_ok=True)
    listed = "".join(f'    "{each}",\n' for each in protos.scopes(_descriptors(output)))
    target.write_text(f"{SCOPES_HEADER}\nDECLARED_SCOPES = (\n{listed})\n")


def configure_envoy(output: Path) -> None:
    """Writes envoy.yaml beside `output`, for the APIs that are declared."""
    (output.parent / "envoy.yaml").write_text(text(configuration(declarations(), _descriptors(output))))


def _descriptors(output: Path) -> FileDescriptorSet:
    return FileDescriptorSet.FromString((output / "orchestrator.binpb").read_bytes())


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "generated"
    copy_third_party()
    generate(output)
    list_scopes(output)
    configure_envoy(output)
