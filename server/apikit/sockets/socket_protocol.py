"""What an API plugs into the subscriber of a socket: its topics, its words and its rendering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from google.api.httpbody_pb2 import HttpBody

from server.apikit.sockets.frames import Name, said
from server.core.events.stream import EventFilter, EventStreams
from server.core.shared.call_context import Call
from server.errors import ServiceError
from server.model import Event

if TYPE_CHECKING:
    from server.apikit.sockets.subscriber import Subscriber


class SocketRequest(Protocol):
    """What every API's frames of clients have."""

    type: str
    id: str
    id_is_json: bool
    invalid_frame: str


class Finder(Protocol):
    """Finds a resource. Raises NotFound where it is not there for this call."""

    def __call__(self, call: Call, identifier: str, /) -> Awaitable[object]:
        """The resource."""
        ...


@dataclass(frozen=True, slots=True)
class SocketDependencies:
    """What all sockets of an API share, whichever API it is."""

    events: EventStreams
    # How many events a reader may be behind before it is told so.
    slow_after: int


class Topics(EventFilter, ABC):
    """Which events a socket wants just now. An event counts once, for however many topics it is wanted."""

    def __init__(self) -> None:
        super().__init__()
        # The last event that was looked at, wanted or not.
        self.seen = 0
        # The number after which events of each topic are wanted.
        self.after: dict[Any, int] = {}

    def takes(self, event: Event) -> bool:
        """Whether the socket wants an event."""
        self.seen = event.number
        return self.has(event)

    @abstractmethod
    def has(self, event: Event) -> bool:
        """The same, without noting it."""

    @abstractmethod
    def only(self, after: Mapping[Any, int]) -> Topics:
        """A filter of the same kind for these topics."""


class Subscriptions(Topics):
    """What a socket wants, each topic from a number on; a topic says itself which events it takes."""

    def has(self, event: Event) -> bool:
        """Whether an event is in a topic."""
        return any(event.number > after and topic.takes(event) for topic, after in self.after.items())

    def only(self, after: Mapping[Any, int]) -> Subscriptions:
        """Those of these topics."""
        found = Subscriptions()
        found.after = dict(after)
        return found


R = TypeVar("R", bound=SocketRequest)


class SocketProtocol(ABC, Generic[R]):
    """One API's; it serves all its sockets."""

    # By the type of a frame: what is done about it. Those that `open_to_all` names need no credential before them.
    commands: Mapping[str, Callable[[Subscriber[R], R], Awaitable[None]]]
    open_to_all: frozenset[str] = frozenset()
    # What a frame is told that comes before its sender is known.
    unknown = "say who you are first"
    # What a socket is told that has as many topics as it may.
    full = "a socket has at most {limit} subscriptions"

    @abstractmethod
    def topics(self, call: Call) -> Topics:
        """What a new socket wants: mostly nothing yet."""

    def said(self, type: str, payload: dict[str, Any], reply_to: Name = "") -> HttpBody:
        """A frame that is no event."""
        return said(type, payload, reply_to)

    async def admitted(self, socket: Subscriber[R], request: R | None) -> None:
        """The caller is known, by a header or by this request."""

    async def opened(self, socket: Subscriber[R], request: R) -> None:
        """The path and the query; what they ask for in vain, the socket is closed for."""

    async def heard(self, socket: Subscriber[R], request: R) -> None:
        """A frame has come, whatever it says. What it is refused for, the client is told."""

    async def quiet(self, socket: Subscriber[R]) -> None:
        """There was no event for a while."""

    @abstractmethod
    async def render(self, socket: Subscriber[R], events: Sequence[Event]) -> Sequence[HttpBody]:
        """The frames of events that were wanted when they came."""

    @abstractmethod
    def explained(self, error: ServiceError, request_id: str) -> dict[str, Any]:
        """What a client is told of an error."""
