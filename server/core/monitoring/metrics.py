"""Metrics: what this process has counted and has now, put together with what others have, as Prometheus reads it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Labels = tuple[str, ...]
# Of every histogram, in seconds: the last bucket has what took longer.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LE = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: a counter, gauge or histogram, with a value for each of its labels' values.

    A value is a number, or of a histogram the counts of its buckets and then the sum of what was observed.
    """

    name: str
    kind: str
    help: str
    labels: Labels = ()
    samples: Mapping[Labels, Any] = field(default_factory=dict)


class Counter:
    """A number that only grows, for each of its labels' values; in one loop, so without a lock."""

    __slots__ = ("samples",)

    def __init__(self, labels: Labels) -> None:
        # What has no labels is there from the beginning.
        self.samples: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Counts. Labels' values must be few: nothing of an organization, and nothing that a caller writes."""
        self.samples[labels] = self.samples.get(labels, 0) + amount


class Histogram:
    """How long something took, for each of its labels' values; in one loop, so without a lock."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: dict[Labels, list[float]] = {}

    def observe(self, seconds: float, labels: Labels = ()) -> None:
        """Counts one that took so long."""
        sample = self._samples.get(labels)
        if sample is None:
            sample = self._samples[labels] = [0] * (len(BOUNDS) + 2)
        sample[bisect_left(BOUNDS, seconds)] += 1
        sample[-1] += seconds

    def copied(self) -> dict[Labels, list[float]]:
        """What there is now."""
        return {labels: list(sample) for labels, sample in self._samples.items()}


class Metrics:
    """The metrics of this process; whoever counts something adds it here once, when the process is put together."""

    def __init__(self) -> None:
        # Asked for what somebody counts in a way of his own. What they give must not change any more: threads read it.
        self.collectors: list[Callable[[], Iterable[Family]]] = []

    def counter(self, name: str, help: str, labels: Labels = ()) -> Counter:
        """A new counter; its name ends with `_total`."""
        counter = Counter(labels)
        self.collectors.append(lambda: (Family(name, "counter", help, labels, dict(counter.samples)),))
        return counter

    def histogram(self, name: str, help: str, labels: Labels = ()) -> Histogram:
        """A new histogram of seconds; its name ends with `_seconds`."""
        histogram = Histogram()
        self.collectors.append(lambda: (Family(name, "histogram", help, labels, histogram.copied()),))
        return histogram

    def gauge(self, name: str, help: str, ask: Callable[[], float]) -> None:
        """A new gauge without labels, of which all processes together have what each of them says."""
        self.collectors.append(lambda: (Family(name, "gauge", help, (), {(): ask()}),))

    def families(self) -> list[Family]:
        """What there is now."""
        return [family for collect in self.collectors for family in collect()]


def added(several: Iterable[Iterable[Family]]) -> list[Family]:
    """The metrics of several processes as those of one."""
    found: dict[str, Family] = {}
    for family in (family for families in several for family in families):
        known = found.get(family.name)
        if known is None:
            found[family.name] = Family(family.name, family.kind, family.help, family.labels, dict(family.samples))
        elif (known.kind, known.labels) == (family.kind, family.labels):
            assert isinstance(known.samples, dict)
            for labels, value in family.samples.items():
                before = known.samples.get(labels)
                known.samples[labels] = value if before is None else _sum(before, value)
    return list(found.values())


def _sum(one: Any, other: Any) -> Any:
    if not isinstance(one, list):
        return one + other
    # Another version may have cut its buckets otherwise.
    return [a + b for a, b in zip(one, other, strict=True)] if len(one) == len(other) else one


def lasting(families: Iterable[Family]) -> list[Family]:
    """What stays of a process that has ended: what it has counted, and nothing of what it had."""
    return [family for family in families if family.kind != "gauge"]


def plain(families: Iterable[Family]) -> list[Any]:
    """The same as JSON has it."""
    return [
        [each.name, each.kind, each.help, each.labels, [[labels, value] for labels, value in each.samples.items()]]
        for each in families
    ]


def from_plain(given: Sequence[Any]) -> list[Family]:
    """What `plain` has made."""
    return [
        Family(name, kind, help, tuple(labels), {tuple(each): value for each, value in samples})
        for name, kind, help, labels, samples in given
    ]


def text(families: Iterable[Family]) -> str:
    """The text that Prometheus reads, version 0.0.4."""
    lines: list[str] = []
    for each in families:
        lines += [f"# HELP {each.name} {_escaped(each.help)}", f"# TYPE {each.name} {each.kind}"]
        for values, sample in each.samples.items():
            labels = [f'{name}="{_quoted(value)}"' for name, value in zip(each.labels, values, strict=True)]
            if each.kind == "histogram":
                lines += _histogram(each.name, labels, sample)
            else:
                lines.append(f"{each.name}{_braced(labels)} {_number(sample)}")
    return "\n".join([*lines, ""])


def _histogram(name: str, labels: list[str], sample: Sequence[float]) -> list[str]:
    *buckets, seconds = sample
    lines, count = [], 0.0
    for bound, bucket in zip(_LE, buckets, strict=True):
        count += bucket
        below = _braced([*labels, f'le="{bound}"'])
        lines.append(f"{name}_bucket{below} {_number(count)}")
    lines.append(f"{name}_sum{_braced(labels)} {_number(seconds)}")
    return [*lines, f"{name}_count{_braced(labels)} {_number(count)}"]


def _braced(labels: Sequence[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(round(value, 6))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
