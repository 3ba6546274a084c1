"""For each of Envoy's transcoders the descriptors of its own services alone: it reads them once for every one."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet


class OwnDescriptors:
    """Parts of a descriptor set, as files in a folder; the same part is one file."""

    def __init__(self, whole: bytes, folder: Path) -> None:
        self._files = {file.name: file for file in FileDescriptorSet.FromString(whole).file}
        self._file_of = {
            f"{file.package}.{service.name}": file.name for file in self._files.values() for service in file.service
        }
        self._folder = folder

    def put_into(self, node: Any) -> None:
        """Has every transcoder in a configuration read its own part."""
        for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            self.put_into(each)
        if isinstance(node, dict) and "proto_descriptor" in node:
            node["proto_descriptor"] = str(self._part(node["services"]))

    def _part(self, services: Iterable[str]) -> Path:
        needed: dict[str, None] = {}
        for service in services:
            self._need(self._file_of[service], needed)
        content = FileDescriptorSet(file=[self._files[name] for name in needed]).SerializeToString()
        path = self._folder / f"{sha256(content).hexdigest()[:16]}.binpb"
        path.write_bytes(content)
        return path

    def _need(self, name: str, needed: dict[str, None]) -> None:
        """Adds a file after those that it imports."""
        if name not in needed:
            for imported in self._files[name].dependency:
                self._need(imported, needed)
            needed[name] = None
