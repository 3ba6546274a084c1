"""Envoy's virtual hosts: where each API's paths and sockets lead, and what its requests and answers need on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway import protos
from gateway.hosts import Host as VirtualHost
from gateway.refusals import failures, names_request
from server.apikit.declaration import Declaration

JSON = dict[str, Any]
CORS = "envoy.filters.http.cors"
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
_PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
# What a form has beside its file.
FORM_BYTES = 256 << 10
# In the order in which `Allow` names them.
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"


def _told(name: str, value: str) -> JSON:
    return {"header": {"key": name, "value": value}, "append_action": OVERWRITE}


# What the server is told of each call, and not by the caller: where it comes from; where there are guests, or people
# log in, also whom it is meant for; and of those, and of sockets, of which many may be at one address, the program.
ADDRESS = _told("x-requested-from", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%")
HOST = _told("x-requested-host", "%REQ(:AUTHORITY)%")
PROGRAM = _told("x-requested-by", "%REQ(USER-AGENT):200%")
# Envoy takes the cookies away from requests for the others.
COOKIES = _told("x-requested-cookie", "%REQ(COOKIE)%")


class Routes:
    """Makes virtual hosts; what an API has at several of them is made once."""

    def __init__(self, base: Mapping[str, Any], descriptors: FileDescriptorSet) -> None:
        self._base = base
        self._descriptors = descriptors
        self._policies: dict[str, JSON] = {}
        self._failed: dict[str, JSON] = {}

    def virtual_host(self, host: VirtualHost) -> JSON:
        """One of Envoy's virtual hosts."""
        if not host.apis:
            return {"name": host.name, "domains": list(host.domains)}
        routes = [self._sockets(host)]
        streaming = set()
        for api, route in host.routes():
            if api.name not in streaming:
                streaming.add(api.name)
                routes.extend(self._uploads(api, host))
                routes.extend(self._streams(api, host))
            matched = {"prefix" if route.prefix == "/" else "path_separated_prefix": route.prefix}
            routes.append(self._route(matched, f"{route.timeout_seconds:g}s", api, host))
            if route.escaped_slashes:
                routes[-1]["metadata"]["filter_metadata"]["reply"]["slashes"] = True
        return {
            "name": host.name,
            "domains": list(host.domains),
            "retry_policy": self._base["retry_policy"],
            "metadata": {
                "filter_metadata": {
                    "reply": {
                        "paths": self._paths(host),
                        "open": self._open(host),
                        "failures": self._failures(host),
                    }
                }
            },
            "typed_per_filter_config": {
                TRANSCODER: self._transcoder(host, _first(host)),
                BUFFER: _buffer(_first(host)),
            },
            "routes": routes,
        }

    def _sockets(self, host: VirtualHost) -> JSON:
        """What asks for a socket goes to the server's other door, with the packages whose sockets are here."""
        upgrade = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
        get = {"name": ":method", "string_match": {"exact": "GET"}}
        packages = ",".join(package for api in host.apis for package in api.packages)
        here = [{"header": {"key": "x-socket-packages", "value": packages}, "append_action": OVERWRITE}]
        return {
            "match": {"prefix": "/", "headers": [upgrade, get]},
            "route": {"cluster": "sockets", "timeout": "0s", "idle_timeout": "0s"},
            "request_headers_to_add": [
                *here,
                *([HOST] if any(_takes_guests(api) for api in host.apis) else []),
                ADDRESS,
                PROGRAM,
            ],
        }

    def _streams(self, api: Declaration, host: VirtualHost) -> Iterator[JSON]:
        """Streams have no end; the others end before the caller's patience does."""
        paths = [each.pattern("[^/]+", ".+", "\\") for each in self._bindings(api, host) if each.stream]
        if paths:
            route = self._route({"safe_regex": {"regex": "|".join(paths)}}, "0s", api, host, idle_timeout="0s")
            route["metadata"]["filter_metadata"]["reply"]["streams"] = True
            yield route

    def _uploads(self, api: Declaration, host: VirtualHost) -> Iterator[JSON]:
        """What goes to the server as it comes, and is not kept here; what says that it is too large does not go."""
        bindings = self._bindings(api, host)
        paths = [each.pattern("[^/]+", ".+", "\\") for each in bindings if each.upload]
        if not paths or api.max_upload_bytes is None:
            return
        verbs = "|".join(_in_order({each.verb for each in bindings if each.upload}))
        most = api.max_upload_bytes + FORM_BYTES
        match = {
            "safe_regex": {"regex": "|".join(paths)},
            "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": verbs}}}],
        }
        too_large = {"name": "content-length", "range_match": {"start": most + 1, "end": 1 << 62}}
        refused = self._route({**match, "headers": [*match["headers"], too_large]}, "0s", api, host)
        del refused["route"]
        refused["typed_per_filter_config"][BUFFER] = {"@type": _PER_ROUTE, "disabled": True}
        yield {**refused, "direct_response": {"status": 413}}
        route = self._route(match, "0s", api, host)
        # What could be sent again would be kept for that.
        route["route"]["retry_policy"] = {}
        route["typed_per_filter_config"][BUFFER] = {"@type": _PER_ROUTE, "disabled": True}
        route["typed_per_filter_config"][TRANSCODER] = {
            **self._transcoder(host, api),
            "max_request_body_size": most,
        }
        yield route

    def _route(self, match: JSON, timeout: str, api: Declaration, host: VirtualHost, **more: str) -> JSON:
        route: JSON = {
            "match": match,
            "route": {"cluster": "server", "timeout": timeout, **more},
            "metadata": {"filter_metadata": {"reply": {"api": api.name}}},
            "typed_per_filter_config": {CORS: self._cors(api)},
        }
        if names_request(api):
            route["metadata"]["filter_metadata"]["reply"]["named"] = True
            # For gateway/reply.lua, which sees no request by then.
            named = {"header": {"key": "x-requested-id", "value": "%REQ(X-REQUEST-ID)%"}, "append_action": OVERWRITE}
            route["response_headers_to_add"] = [named]
        if _json(api) != _json(_first(host)):
            route["typed_per_filter_config"][TRANSCODER] = self._transcoder(host, api)
            route["typed_per_filter_config"][BUFFER] = _buffer(api)
        route["request_headers_to_add"] = [
            *([HOST] if api.guests or api.programs or api.cookies else []),
            ADDRESS,
            *([PROGRAM] if api.programs else []),
            *([COOKIES] if api.cookies else []),
        ]
        if not api.guests and not api.cookies:
            # Who has a key may call from anywhere, so the server need not know from which page.
            route["request_headers_to_remove"] = ["origin"]
        return route

    def _bindings(self, api: Declaration, host: VirtualHost) -> list[protos.Binding]:
        """The API's paths at this host."""
        return protos.bindings(self._descriptors, api.packages, host.leaves_out(api))

    def _paths(self, host: VirtualHost) -> list[JSON]:
        """The paths of a host's APIs, each with its methods, for a refusal in gateway/reply.lua.

        They are not in the routes' metadata, all of which Envoy copies for each request that Lua looks into it.
        """
        paths: dict[str, set[str]] = {}
        for api in host.apis:
            for each in self._bindings(api, host):
                verbs = paths.setdefault(each.pattern("[^/]+", ".+", "%"), set())
                verbs.update(("GET", "HEAD") if each.verb == "GET" and not each.socket else (each.verb,))
        return [{"path": f"^{path}$", "verbs": _in_order(verbs)} for path, verbs in sorted(paths.items())]

    def _open(self, host: VirtualHost) -> list[JSON]:
        """Those that have a body and need no credential."""
        paths: dict[str, set[str]] = {}
        for api in host.apis:
            for each in self._bindings(api, host):
                if each.verb != "GET" and (each.open or api.guests):
                    paths.setdefault(each.pattern("[^/]+", ".+", "%"), set()).add(each.verb)
        return [{"path": f"^{path}$", "verbs": _in_order(verbs)} for path, verbs in sorted(paths.items())]

    def _failures(self, host: VirtualHost) -> JSON:
        """How each API of a host says what gRPC has ended, for gateway/reply.lua."""
        apis = {api.name: api for api, _ in host.routes()}
        return {name: self._failed.setdefault(name, failures(api)) for name, api in apis.items()}

    def _cors(self, api: Declaration) -> JSON:
        """Which pages may call it, and with which methods."""
        if api.name not in self._policies:
            verbs = {each.verb for each in protos.bindings(self._descriptors, api.packages)}
            # Browsers ask for HEAD like for GET, without looking here.
            methods = ", ".join([*_in_order(verbs), "OPTIONS"])
            self._policies[api.name] = {**self._base["cors"], "allow_methods": methods}
        return self._policies[api.name]

    def _transcoder(self, host: VirtualHost, like: Declaration) -> JSON:
        """How JSON becomes gRPC for those APIs of a host whose JSON is like that of one."""
        apis = [api for api in host.apis if _json(api) == _json(like)]
        packages = [package for api in apis for package in api.packages]
        elsewhere = {f"{package}.{name}" for api in apis for package in api.packages for name in host.leaves_out(api)}
        return {
            **self._base["transcoder"],
            # Envoy does not start with a service here that the protos do not have.
            "services": [each for each in protos.services(self._descriptors, packages) if each not in elsewhere],
            "max_request_body_size": like.max_body_bytes,
            **({"ignore_unknown_query_parameters": True} if like.lenient_queries else {}),
            "print_options": {
                "always_print_primitive_fields": True,
                "preserve_proto_field_names": not like.camel_case,
            },
        }


def _takes_guests(api: Declaration) -> bool:
    return api.guests or api.guest_sockets


def _buffer(api: Declaration) -> JSON:
    """How large a body of an API may be."""
    return {
        "@type": _PER_ROUTE,
        "buffer": {"max_request_bytes": api.max_body_bytes},
    }


def _first(host: VirtualHost) -> Declaration:
    return host.owner or host.apis[0]


def _json(api: Declaration) -> tuple[bool, int, bool]:
    """What of an API cannot be said to the transcoder by service."""
    return api.camel_case, api.max_body_bytes, api.lenient_queries


def _in_order(verbs: set[str]) -> list[str]:
    return sorted(verbs, key=VERBS.index)
