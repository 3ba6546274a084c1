"""The declaration of an API: everything about it that is neither in its protos nor in its servicers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from server.apikit.errors import ErrorRenderer

Listener = Literal["orchestra", "operations"]


@dataclass(frozen=True, slots=True)
class Route:
    """The paths that are `prefix` or begin with it and a slash; methods that stream have no time-out."""

    prefix: str
    timeout_seconds: float = 65.0
    # Whether slashes in its paths may be escaped: its methods take the rest of a path, and unescape it themselves.
    escaped_slashes: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one key may do at an API."""

    # Beside the hourly figure; None where the document names no such bound.
    requests_per_minute: int | None = None
    # How many of a minute's may come at once: a second has these, and its share of the minute.
    at_once: int | None = None
    # Whether the hourly figure counts here at all. Where it does not, a key that carries one of its own keeps it.
    hourly: bool = True
    # What an hour and a minute have for each tier of organizations, where the document says that, instead of the
    # settings' figure and of the one above. Its answers say how long the window is.
    tiers: Mapping[str, tuple[int, int]] | None = None
    # At a time, in each server process: WebSockets, or whatever else goes both ways, and streams that the server sends.
    sockets_per_key: int = 100
    streams_per_key: int = 100


@dataclass(frozen=True, slots=True)
class Declaration:
    """One API."""

    # Of its folder.
    name: str
    # For people.
    title: str
    # Its proto packages; their services are its services.
    packages: Sequence[str]
    render_error: ErrorRenderer
    # The gateway's port that has it in development, and its paths there; without a listener it is for gRPC alone.
    listener: Listener | None = None
    routes: Sequence[Route] = ()
    # The hosts, in production and staging, all of whose paths are this API's, at whichever port.
    hosts: Sequence[str] = ()
    # Names of APIs that this one's document has, too: their paths are at its hosts as well.
    includes: Sequence[str] = ()
    # Its services that are at its hosts alone: in development, another API has their paths.
    only_at_hosts: Collection[str] = ()
    # Whether its JSON has camelCase names; otherwise they are as in the protos.
    camel_case: bool = False
    # Of a request that does not stream.
    max_body_bytes: int = 2 << 20
    # Of a file that is uploaded in pieces; None where there are no such requests.
    max_upload_bytes: int | None = None
    limits: Limits = field(default_factory=Limits)
    # Whether callers without a credential may act for the development organization, where the server is in development.
    guests: bool = False
    # Whether browsers show its pages, and its callers have cookies.
    cookies: bool = False
    # Whether query parameters that a method does not name are let pass: its document says so, and reads them itself.
    lenient_queries: bool = False
    # Its services that keys which are limited to projects are good for, because they keep them to those.
    projects: Collection[str] = ()
    # Whether people log in here: it is told by which host they know it, and how their programs call themselves.
    programs: bool = False
    # Whether its sockets alone may have such callers, as long as they have not said who they are.
    guest_sockets: bool = False
    # Where the frames of its sockets have what they say.
    frame_field: str = "payload"
    # What core calls fields of requests by, and this API.
    field_words: Mapping[str, str] = field(default_factory=dict)
    # The group of its settings; its name where it is None.
    settings_group: str | None = None
