"""Metrics: what is counted, put together over processes, and read by Prometheus."""

from __future__ import annotations

import json

import pytest

from server.core.monitoring.metrics import BOUNDS, Family, Metrics, added, from_plain, lasting, plain, text


def test_the_text_is_what_prometheus_reads() -> None:
    metrics = Metrics()
    tokens = metrics.counter("model_tokens_total", "Tokens\nof \\ models", ("model", "direction"))
    starts = metrics.counter("starts_total", "Starts")
    metrics.gauge("open_things", "Open things", lambda: 1.5)
    tokens.add(('a"b\\c\nd', "input"), 3)
    tokens.add(('a"b\\c\nd', "input"))
    assert text(metrics.families()) == (
        "# HELP model_tokens_total Tokens\\nof \\\\ models\n"
        "# TYPE model_tokens_total counter\n"
        'model_tokens_total{model="a\\"b\\\\c\\nd",direction="input"} 4\n'
        "# HELP starts_total Starts\n# TYPE starts_total counter\nstarts_total 0\n"
        "# HELP open_things Open things\n# TYPE open_things gauge\nopen_things 1.5\n"
    )
    starts.add()
    assert text(metrics.families()[1:2]).endswith("starts_total 1\n")


def test_what_was_collected_changes_no_more() -> None:
    metrics = Metrics()
    calls, took = metrics.counter("calls_total", "C", ("l",)), metrics.histogram("took_seconds", "T", ("l",))
    calls.add(("x",))
    took.observe(0.005, ("x",))
    before = metrics.families()
    calls.add(("y",))
    took.observe(90.0, ("x",))
    assert [len(each.samples) for each in before] == [1, 1] and before[1].samples["x",] == [1, *[0] * 13, 0.005]
    assert metrics.families()[1].samples["x",] == [1, *[0] * 12, 1, 90.005]


def test_a_histogram_adds_up_its_buckets() -> None:
    counts = [1, 2] + [0] * (len(BOUNDS) - 2) + [4, 7.25]
    lines = text([Family("d", "histogram", "D", ("a",), {("x",): counts})]).splitlines()[2:]
    assert lines[:3] == ['d_bucket{a="x",le="0.005"} 1', 'd_bucket{a="x",le="0.01"} 3', 'd_bucket{a="x",le="0.025"} 3']
    assert lines[-4:] == ['d_bucket{a="x",le="60"} 3', 'd_bucket{a="x",le="+Inf"} 7', 'd_sum{a="x"} 7.25', 'd_count{a="x"} 7']


def test_processes_are_added_up_and_of_the_dead_only_what_they_counted() -> None:
    one = [Family("a_total", "counter", "A", ("l",), {("x",): 1, ("y",): 2}), Family("g", "gauge", "G", (), {(): 5})]
    other = [Family("a_total", "counter", "A", ("l",), {("x",): 10}), Family("b_total", "counter", "B", (), {(): 1})]
    found = {family.name: family.samples for family in added([one, other])}
    assert found == {"a_total": {("x",): 11, ("y",): 2}, "g": {(): 5}, "b_total": {(): 1}}
    assert one[0].samples == {("x",): 1, ("y",): 2}, "what was added up is as it was"
    assert [family.name for family in lasting(one)] == ["a_total"]
    assert from_plain(json.loads(json.dumps(plain(one)))) == one


@pytest.mark.parametrize(
    "other",
    [
        Family("d", "histogram", "D", (), {(): [1, 1.0]}),
        Family("d", "histogram", "D", ("l",), {("x",): [1, 1, 1.0]}),
        Family("d", "counter", "D", (), {(): 1}),
    ],
)
def test_what_another_version_counts_otherwise_is_left_out(other: Family) -> None:
    ours = Family("d", "histogram", "D", (), {(): [1, 2, 3.0]})
    assert added([[ours], [other]]) == [ours]
