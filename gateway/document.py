"""envoy.yaml: Envoy's configuration as a text that people can read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

HEADER = """\
# The gateway. With the defaults it runs as it is, from the folder that it is in: envoy -c envoy.yaml
# `orchestrator up` starts Envoy with this file, its ports, addresses, paths and origins replaced by the settings.
#
# Made by `make generate` of gateway/base.yaml, of the declarations in server/apis and of the protos: change those.
"""
# How many characters go on one line.
SHORT = 110


def text(config: Mapping[str, Any]) -> str:
    """The configuration as envoy.yaml has it: what stands in it twice has a name the first time."""
    return HEADER + yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Puts what is short on one line, and names what is repeated after its place."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._places: dict[int, str] = {}

    def generate_anchor(self, node: yaml.Node) -> str:
        """Its place the first time, and a number."""
        number = super().generate_anchor(node).removeprefix("id").lstrip("0")
        place = self._places.get(id(node), "it").rpartition(".")[2]
        return f"{re.sub('[^a-z_]', '', place)}_{number}"

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:  # noqa: FBT001 — the library's
        """On one line, or on several."""
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, value in node.value:
            for each in (value, *(value.value if isinstance(value, yaml.SequenceNode) else ())):
                self._places.setdefault(id(each), key.value)
        node.flow_style = _length(node) <= SHORT
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:  # noqa: FBT001 — the library's
        """The same."""
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = _length(node) <= SHORT
        return node

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Several lines as they are."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_str)


def _length(node: yaml.Node) -> int:
    """About how many characters it takes on one line; too many for what has several lines of its own."""
    if isinstance(node, yaml.ScalarNode):
        return len(node.value) + 2 if "\n" not in node.value else SHORT
    if isinstance(node, yaml.MappingNode):
        return 2 + sum(_length(key) + _length(value) for key, value in node.value)
    return 2 + sum(_length(each) for each in node.value)
