"""What becomes of events: who is told, in which order, again and again, and when that ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from server.apikit.projection import timestamp
from server.core.webhooks import fan_out, wording
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.queue import Outcome
from server.core.webhooks.receivers import Receivers
from server.core.webhooks.retries import DELAYS
from server.core.shared.sealing import Sealer, Unsealable
from server.core.webhooks.sending import Sending
from server.errors import Conflict, InvalidRequest, NotFound, VersionMismatch
from server.model import Webhook
from server.settings import Settings
from server.store.statement import Statement
from server.store.transaction import Transaction
from tests.core.webhooks.post import FAILED, OK, Post, name_of
from tests.support.tenants import make_tenant

GONE = Outcome(410, 1.0)


async def test_a_webhook_is_told_of_what_happens_after_it_was_made_and_of_what_it_wants(post: Post) -> None:
    before = await post.session("before")
    webhook = await post.webhook(["session.created", "session.completed"])
    await post.rename(before, "unwanted")
    await post.session("wanted")
    assert await post.fan() == 1 and await post.fan() == 0
    (delivery,) = await post.attempt(webhook)
    body = json.loads(delivery.body)
    assert (body["event"], body["data"]["name"]) == ("session.created", "wanted")
    assert body["organization"]["id"] == f"org_{post.tenant.caller.organization_id}" and body["timestamp"].endswith("Z")
    assert (await post.sent(webhook))[0].attempts[0].answer == "ok"
    assert await post.states(webhook) == ["delivered"]


async def test_another_organization_neither_is_told_nor_sees_it(post: Post) -> None:
    webhook = await post.webhook()
    other = await make_tenant(post.database)
    await post.sessions.create(other.call(), name="other")
    assert await post.fan() == 0
    for attempt in (post.webhooks.get, post.webhooks.delete, post.webhooks.enable, post.deliveries.test):
        with pytest.raises(NotFound):
            await attempt(other.call(), webhook.id)


async def test_each_webhook_is_told_in_the_words_of_its_api(post: Post) -> None:
    native, orchestration = await post.webhook(["*"]), await post.webhook(["*"], api="agent_orchestration")
    await post.session("s")
    await post.fan()
    # Of a webhook only the other one is told, and the second one after it was made.
    assert [each.delivery.event for each in await post.sent(native)] == ["webhook.created", "session.created"]
    (sent,) = await post.sent(orchestration)
    data = json.loads((await post.deliveries.get(post.call, orchestration.id, sent.delivery.id)).delivery.body)["data"]
    assert data["status"] == "created" and data["config"] == {"timeout": 3600, "max_iterations": 100}
    with pytest.raises(InvalidRequest, match="unknown: task.created"):
        await post.webhook(["task.created"], api="agent_orchestration")
    assert (await post.webhook(["execution.*"], api="agent_orchestration")).api == "agent_orchestration"


async def test_two_processes_that_look_at_the_same_events_make_each_delivery_once(post: Post, settings: Settings) -> None:
    webhook = await post.webhook()
    other = Post(post.database, settings, post.tenant)
    for n in range(150):
        await post.session(str(n))
    made = await asyncio.gather(post.fan(), other.fan(), post.fan())
    assert sum(made) == 150 and len(set(map(name_of, await post.claim(webhook, 1000)))) == 150


async def test_an_event_that_cannot_be_told_to_one_is_told_to_others(post: Post) -> None:
    class Speechless:
        def __getattr__(self, name: str):
            return getattr(native, name)

        def data(self, event, names):
            raise KeyError("name")

    native = post.fan_out._wordings["native"]
    post.fan_out._wordings["native"] = Speechless()
    webhooks = [await post.webhook(["session.created"], api=api) for api in ("native", "agent_orchestration", "native")]
    await post.session("s")
    assert await post.fan() == 1
    # It is told as soon as it can be.
    post.fan_out._wordings["native"] = native
    assert await post.fan() == 2
    assert [await post.states(webhook) for webhook in webhooks] == [["pending"]] * 3


async def test_unwanted_events_move_the_cursor_at_the_next_safety_look(post: Post) -> None:
    webhook = await post.webhook(["agent.failed"])
    await post.session()
    organization = post.tenant.caller.organization_id
    assert await post.fan_out.advance([organization]) == (0, False)
    assert (await post.see(webhook)).cursor == webhook.cursor
    assert await post.fan_out.advance() == (0, False)
    assert (await post.see(webhook)).cursor == 2 and (await post.see(webhook)).version == 1


async def test_a_webhook_with_too_many_waiting_leaves_the_rest_in_the_feed(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "MOST_PENDING", 3)
    webhook = await post.webhook()
    for n in range(4):
        await post.session(str(n))
        await post.fan()
    assert len(await post.sent(webhook)) == 3
    await post.attempt(webhook)
    await post.fan()
    assert [name_of((await post.deliveries.get(post.call, webhook.id, each.delivery.id)).delivery) for each in await post.sent(webhook)] == list("0123")


async def test_events_that_are_no_longer_kept_are_passed_over(post: Post) -> None:
    webhook = await post.webhook()
    await post.session("gone")
    await post.session("kept")
    from server.core.events.stream import EventStreams

    streams = EventStreams(post.database, post.feeds, heartbeat_seconds=1)
    await streams._trim_to(post.tenant.caller.organization_id, 2)
    await post.fan()
    assert await post.drain(webhook) == [["kept"]]


async def test_deliveries_about_one_subject_go_in_order_and_others_do_not_wait(post: Post) -> None:
    webhook = await post.webhook()
    first, second = await post.session("a1"), await post.session("b1")
    await post.rename(first, "a2")
    await post.rename(first, "a3")
    await post.rename(second, "b2")
    await post.fan()
    fail_first = lambda delivery: FAILED if name_of(delivery) == "a1" else OK
    assert await post.drain(webhook, fail_first) == [["a1", "b1"], ["b2"]]
    await post.session("c1")
    await post.rename(first, "a4")
    await post.fan()
    assert await post.drain(webhook) == [["c1"]]
    post.wait(5)
    assert await post.drain(webhook) == [["a1"], ["a2"], ["a3"], ["a4"]]


async def test_in_strict_order_all_wait_for_one(post: Post) -> None:
    webhook = await post.webhook(ordering="strict")
    for name in "abc":
        await post.session(name)
    await post.fan()
    assert await post.drain(webhook, FAILED) == [["a"]]
    post.wait(5)
    assert await post.drain(webhook) == [["a"], ["b"], ["c"]]


async def test_another_order_holds_for_what_waits_already(post: Post) -> None:
    webhook = await post.webhook(ordering="strict")
    for name in "abc":
        await post.session(name)
    await post.fan()
    await post.webhooks.update(post.call, webhook.id, ordering="subject")
    assert await post.drain(webhook, FAILED) == [["a", "b", "c"]]
    await post.webhooks.update(post.call, webhook.id, ordering="strict")
    post.wait(5)
    assert ["a"] in await post.drain(webhook)


async def test_a_failed_delivery_is_tried_again_at_its_times_and_then_exhausted(post: Post) -> None:
    webhook = await post.webhook(["session.created"])
    await post.session("s")
    await post.fan()
    ids = set()
    for delay in DELAYS:
        (delivery,) = await post.attempt(webhook, FAILED)
        ids.add(delivery.id)
        post.wait(delay - 1)
        assert await post.attempt(webhook) == []
        post.wait(1)
    assert await post.attempt(webhook, FAILED) and await post.attempt(webhook) == []
    (sent,) = await post.sent(webhook)
    assert ids == {sent.delivery.id} and [each.number for each in sent.attempts] == list(range(1, 9))
    assert sent.delivery.state == "exhausted" and (await post.types())[-1] == "webhook.delivery_exhausted"


async def test_a_receiver_that_asks_for_more_time_gets_it(post: Post) -> None:
    webhook = await post.webhook()
    await post.session()
    await post.fan()
    await post.attempt(webhook, Outcome(503, 1.0, retry_after=60))
    post.wait(59)
    assert await post.attempt(webhook) == []
    post.wait(1)
    assert len(await post.attempt(webhook, Outcome(503, 1.0, retry_after=10**9))) == 1
    post.wait(24 * 3600)
    assert len(await post.attempt(webhook, Outcome(503, 1.0, retry_after=0))) == 1


async def test_410_disables_at_once_and_what_waits_is_cancelled(post: Post) -> None:
    webhook = await post.webhook()
    for name in "abc":
        await post.session(name)
    await post.fan()
    claimed = await post.claim(webhook, 2)
    await post.record(claimed[:1], GONE)
    after = await post.see(webhook)
    assert (after.enabled, after.disabled_reason, (await post.types())[-1]) == (False, "gone", "webhook.disabled")
    assert await post.states(webhook) == ["cancelled"] * 3 and await post.claim(webhook) == []
    # What was under way has arrived all the same.
    await post.record(claimed[1:], OK)
    assert sorted(await post.states(webhook)) == ["cancelled", "cancelled", "delivered"]
    await post.session("d")
    assert await post.fan() == 0


async def test_five_days_of_nothing_but_failures_disable(post: Post) -> None:
    webhook = await post.webhook(["session.created"])
    await post.session()
    await post.fan()
    await post.attempt(webhook, FAILED)
    assert (await post.see(webhook)).failing_since is not None
    post.wait(5 * 24 * 3600 - 60)
    await post.attempt(webhook, FAILED)
    assert (await post.see(webhook)).enabled
    post.wait(3600)
    await post.attempt(webhook, FAILED)
    after = await post.see(webhook)
    assert (after.disabled_reason, (await post.types())[-1]) == ("failing", "webhook.disabled")


async def test_the_first_success_after_a_while_of_failures_is_told(post: Post) -> None:
    webhook = await post.webhook(["session.created"])
    await post.session()
    await post.fan()
    await post.attempt(webhook, FAILED)
    post.wait(5)
    await post.attempt(webhook, OK)
    assert "webhook.recovered" not in await post.types() and (await post.see(webhook)).failing_since is None
    await post.session()
    await post.fan()
    for delay in DELAYS[:2]:
        await post.attempt(webhook, FAILED)
        post.wait(delay)
    await post.attempt(webhook, OK)
    assert (await post.types()).count("webhook.recovered") == 1


async def test_what_is_said_of_a_lost_attempt_changes_nothing_unless_it_succeeded(post: Post) -> None:
    webhook = await post.webhook()
    await post.session("a")
    await post.session("b")
    await post.fan()
    lost = await post.claim(webhook)
    assert await post.claim(webhook) == []
    post.wait(31)
    again = await post.claim(webhook)
    assert {each.id for each in again} == {each.id for each in lost} and {each.attempts for each in again} == {2}
    await post.record(lost, lambda delivery: OK if name_of(delivery) == "a" else FAILED)
    assert await post.states(webhook) == ["delivered", "pending"]
    await post.record(again, OK)
    assert await post.states(webhook) == ["delivered", "delivered"]
    assert [len(each.attempts) for each in await post.sent(webhook)] == [2, 2]


async def test_what_is_recorded_twice_counts_once(post: Post) -> None:
    webhook = await post.webhook()
    for name in "ab":
        await post.session(name)
    await post.fan()
    # As where the answer to a commit is lost.
    claimed = await post.claim(webhook)
    for _ in range(2):
        await post.record(claimed, lambda delivery: OK if name_of(delivery) == "a" else FAILED)
    assert [(each.delivery.state, each.delivery.failures, len(each.attempts)) for each in await post.sent(webhook)] == [
        ("delivered", 0, 1), ("pending", 1, 1),
    ]  # fmt: skip


async def test_what_a_process_gives_back_is_attempted_at_once(post: Post) -> None:
    webhook = await post.webhook()
    await post.session()
    await post.fan()
    assert len(await post.claim(webhook)) == 1
    await post.queue.give_back("another process")
    assert await post.claim(webhook) == []
    await post.queue.give_back("test")
    assert len(await post.claim(webhook)) == 1


async def test_a_disabled_webhook_is_told_nothing_and_goes_on_from_where_it_is_enabled(post: Post) -> None:
    webhook = await post.webhook()
    await post.session("waits")
    await post.fan()
    disabled = await post.webhooks.disable(post.call, webhook.id)
    assert (disabled.version, disabled.disabled_reason) == (2, "requested")
    await post.session("missed")
    assert await post.fan() == 0 and await post.drain(webhook) == []
    assert (await post.webhooks.enable(post.call, webhook.id)).enabled
    assert (await post.webhooks.enable(post.call, webhook.id)).version == 3
    await post.session("told")
    await post.fan()
    assert await post.drain(webhook) == [["told"]]
    assert [type for type in await post.types() if type.startswith("webhook")] == [
        "webhook.created", "webhook.disabled", "webhook.enabled",
    ]  # fmt: skip


async def test_recover_sends_again_what_was_not_delivered_since_then_in_order(post: Post) -> None:
    webhook = await post.webhook(ordering="strict")
    for name in "ab":
        await post.session(name)
    await post.fan()
    await post.attempt(webhook)
    await post.webhooks.disable(post.call, webhook.id)
    with pytest.raises(Conflict, match="disabled"):
        await post.deliveries.recover(post.call, webhook.id, 0)
    await post.webhooks.enable(post.call, webhook.id)
    await post.session("c")
    await post.fan()
    assert await post.deliveries.recover(post.call, webhook.id, 2**60) == 0
    assert await post.deliveries.recover(post.call, webhook.id, 0) == 1
    # What had its turn already keeps it; in the feed's order from there on.
    assert await post.drain(webhook) == [["b", "c"]] and await post.states(webhook) == ["delivered"] * 3


async def test_rewind_delivers_again_from_an_event_under_new_ids(post: Post) -> None:
    await post.session("before")
    webhook = await post.webhook()
    await post.session("after")
    await post.fan()
    assert await post.drain(webhook) == [["after"]]
    await post.deliveries.rewind(post.call, webhook.id, 1)
    assert await post.fan() == 2 and sum(await post.drain(webhook), []) == ["after", "before"]
    assert len({each.delivery.id for each in await post.sent(webhook)}) == 3
    for wrong in (0, 100):
        with pytest.raises(InvalidRequest, match="number of an event"):
            await post.deliveries.rewind(post.call, webhook.id, wrong)


async def test_redelivery_goes_beside_all_others_under_the_same_id(post: Post) -> None:
    webhook = await post.webhook(ordering="strict")
    for name in "ab":
        await post.session(name)
    await post.fan()
    assert await post.drain(webhook) == [["a"], ["b"]]
    await post.session("c")
    await post.fan()
    first = (await post.sent(webhook))[0].delivery
    again = await post.deliveries.redeliver(post.call, webhook.id, first.id)
    assert again.delivery.state == "pending"
    assert await post.drain(webhook) == [["a", "c"]]
    assert [len(each.attempts) for each in await post.sent(webhook)] == [2, 1, 1]
    # One that waits for its retry goes now, and those behind it need not wait for it any more.
    await post.session("d")
    await post.session("e")
    await post.fan()
    assert await post.drain(webhook, FAILED) == [["d"]]
    waiting = next(each.delivery for each in await post.sent(webhook) if each.delivery.failures)
    await post.deliveries.redeliver(post.call, webhook.id, waiting.id)
    assert await post.drain(webhook) == [["d", "e"]]
    other = await post.webhook()
    with pytest.raises(NotFound):
        await post.deliveries.redeliver(post.call, other.id, first.id)


async def test_a_test_is_sent_once_for_one_request_also_where_the_webhook_is_disabled(post: Post) -> None:
    webhook = await post.webhook(enabled=False)
    first, again = [await post.deliveries.test(post.tenant.call(key="k"), webhook.id) for _ in range(2)]
    assert first.delivery.id == again.delivery.id and first.delivery.event == "webhook.test"
    assert len(await post.attempt(webhook)) == 1
    assert json.loads(first.delivery.body)["data"] == {"message": "This is a test."}


async def test_a_change_is_based_on_a_version_and_done_once(post: Post) -> None:
    webhook = await post.webhook()
    with pytest.raises(VersionMismatch):
        await post.webhooks.update(post.tenant.call(if_match=2), webhook.id, description="new")
    changed = await post.webhooks.update(post.tenant.call(if_match=1), webhook.id, description="new", enabled=False)
    assert (changed.version, changed.description, changed.enabled) == (3, "new", False)
    first = await post.webhooks.create(
        post.tenant.call(key="k"), api="native", url="https://example.com/", events=["*"], secret="plain words"
    )
    again = await post.webhooks.create(
        post.tenant.call(key="k"), api="native", url="https://example.com/", events=["*"], secret="plain words"
    )
    assert first.id == again.id and post.webhooks.secret_of(again) == "plain words"
    rotated = [await post.webhooks.rotate_secret(post.tenant.call(key="r"), first.id) for _ in range(2)]
    assert {each.version for each in rotated} == {2} and len({post.webhooks.secret_of(each) for each in rotated}) == 1


async def test_secrets_and_headers_lie_open_in_no_row_and_no_event(post: Post) -> None:
    webhook = await post.webhook(secret="plain words", headers={"Authorization": "Bearer hidden"})
    await post.webhooks.update(post.call, webhook.id, headers={"Authorization": "Bearer hidden, too"})
    kept = (await post.see(webhook)).values()
    events = await post.feeds.page(post.tenant.caller.organization_id, 0)
    for open_text in ("plain words", "hidden", str(kept["secret"]), str(kept["headers"])):
        assert not [event for event in events if open_text in event.payload]
    assert not [value for value in kept.values() if "plain words" in str(value) or "hidden" in str(value)]
    gone = await post.webhooks.delete(post.call, webhook.id)
    assert (gone.secret, gone.previous_secret, gone.headers) == ("", None, "{}")


async def test_what_earlier_secrets_have_sealed_or_none_has_is_sealed_anew_though_nobody_uses_it(
    post: Post, settings: Settings
) -> None:
    before = await post.webhook(secret="plain words", headers={"X-A": "a"})
    await post.webhooks.rotate_secret(post.call, before.id, secret="newer words")
    unsealed, bare = await post.webhook(headers={"X-B": "b"}), await post.webhook()

    async def as_once(transaction: Transaction) -> None:
        await transaction.update(unsealed, headers='{"X-B": "b"}')

    await post.database.write(as_once)
    assert post.seals.headers(await post.see(unsealed)) == {"X-B": "b"}
    newer = Post(post.database, settings, post.tenant, Sealer("n" * 32, "s" * 32))
    await newer.seals.renew()
    alone = Post(post.database, settings, post.tenant, Sealer("n" * 32))
    rows = [await alone.see(each) for each in (before, unsealed, bare)]
    assert [alone.seals.headers(row) for row in rows] == [{"X-A": "a"}, {"X-B": "b"}, {}]
    assert alone.seals.secrets(rows[0], 0) == ["newer words", "plain words"]
    assert "X-B" not in rows[1].headers and [row.version for row in rows] == [2, 1, 1]
    # It looks once an hour, and finds nothing to do then.
    await newer.seals.renew()
    assert [(await alone.see(row)).values() for row in rows] == [row.values() for row in rows]


async def test_what_is_sealed_as_headers_opens_as_no_secret(post: Post) -> None:
    webhook = await post.webhook(headers={"X-A": "a"})
    swapped = Webhook.new(**{**webhook.values(), "secret": webhook.headers, "headers": webhook.secret})
    for opened in (post.seals.secret, post.seals.headers):
        with pytest.raises(Unsealable):
            opened(swapped)


async def test_headers_are_shown_to_whoever_may_change_them_and_are_kept_with_no_answer(post: Post) -> None:
    webhook = await post.webhook(headers={"Authorization": "Bearer hidden"})
    writer, reader = post.tenant.call(), post.tenant.call()
    reader.caller = replace(reader.caller, scopes=frozenset({"webhooks:read"}))
    assert post.webhooks.headers_of(writer, webhook) == {"Authorization": "Bearer hidden"}
    assert post.webhooks.headers_of(reader, webhook) == {"Authorization": "********"}
    assert not writer.keep_answer and not reader.keep_answer
    bare = post.tenant.call()
    assert post.webhooks.headers_of(bare, await post.webhook()) == {} and bare.keep_answer


async def test_a_deleted_webhook_is_gone_with_what_waits_and_all_is_forgotten_in_time(post: Post) -> None:
    webhook = await post.webhook()
    await post.session()
    await post.session()
    await post.fan()
    await post.attempt(webhook, limit=1)
    assert (await post.webhooks.delete(post.call, webhook.id)).deleted_at is not None
    with pytest.raises(NotFound):
        await post.webhooks.get(post.call, webhook.id)
    assert await post.claim(webhook) == []
    from server.core.webhooks.deliveries import _OLD

    assert len(await post.database.scan(_OLD, before=2**62)) == 2
    await post.deliveries.forget(0)
    assert len(await post.database.scan(_OLD, before=2**62)) == 2
    await post.deliveries.forget(2**62)
    assert await post.database.scan(_OLD, before=2**62) == []


async def test_lists_are_pages_newest_first(post: Post) -> None:
    made = [(await post.webhook()).id for _ in range(3)]
    page = await post.webhooks.page(post.call, size=2, token="")
    rest = await post.webhooks.page(post.call, size=2, token=page.next_token)
    assert [each.id for each in [*page.rows, *rest.rows]] == made[::-1] and rest.next_token == ""
    webhook = await post.webhook(["session.created"])
    for n in range(3):
        await post.session(str(n))
    await post.fan()
    await post.attempt(webhook, limit=1)
    first = await post.deliveries.page(post.call, webhook.id, size=2, token="", state=None)
    second = await post.deliveries.page(post.call, webhook.id, size=2, token=first.next_token, state=None)
    assert (len(first.rows), len(second.rows), second.next_token) == (2, 1, "")
    pending = await post.deliveries.page(post.call, webhook.id, size=5, token="", state="pending")
    assert len(pending.rows) == 2 and pending.rows[0].delivery.body == ""
    counted = await post.deliveries.slice(post.call, webhook.id, limit=1, offset=1, state="pending")
    assert (counted.total, len(counted.rows)) == (2, 1)
    with pytest.raises(InvalidRequest, match="page_token"):
        await post.deliveries.page(post.call, webhook.id, size=2, token="nonsense", state=None)


async def test_a_secret_that_nobody_can_read_fails_the_attempt_and_a_new_one_mends_it(post: Post, settings: Settings) -> None:
    webhook = await post.webhook()
    await post.session()
    await post.fan()
    lost = Post(post.database, settings, post.tenant, Sealer("x" * 32, "y" * 32))
    sending = Sending(post.database, Receivers(AddressGuard(allow_private=True), seconds=1), lost.seals)
    (delivery,) = await lost.claim(webhook)
    report = await sending.send(webhook, delivery)
    assert "API_SECRET_KEY" in report.outcome.error
    await lost.queue.record([report])
    assert (await lost.sent(webhook))[0].attempts[0].error == report.outcome.error
    rotated = await lost.webhooks.rotate_secret(lost.call, webhook.id, secret="new words")
    assert lost.seals.secrets(rotated, 0) == ["new words"]


async def test_both_secrets_sign_until_the_overlap_is_over(post: Post) -> None:
    webhook = await post.webhook(secret="old words")
    rotated = await post.webhooks.rotate_secret(post.call, webhook.id, secret="new words", overlap_seconds=60)
    now = post.database.clock()
    assert post.seals.secrets(rotated, now) == ["new words", "old words"]
    assert post.seals.secrets(rotated, now + 61 * 1_000_000) == ["new words"]
    at_once = await post.webhooks.rotate_secret(post.call, webhook.id, overlap_seconds=0)
    assert len(post.seals.secrets(at_once, now)) == 1


async def test_more_webhooks_than_are_looked_at_together_are_all_told(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "WEBHOOKS", 2)
    monkeypatch.setattr(fan_out, "WRITTEN", 1)
    for name in ("_BEHIND", "_OF"):
        few = getattr(fan_out, name)
        monkeypatch.setattr(fan_out, name, Statement(few.expression.limit(2), Webhook, on_sqlite=few._on_sqlite.limit(2)))
    webhooks = [await post.webhook(["session.created"]) for _ in range(5)]
    await post.session("first")
    assert (await post.fan_out.advance([post.tenant.caller.organization_id]))[0] == 5
    await post.session("second")
    assert (await post.fan_out.advance())[0] == 5
    for webhook in webhooks:
        assert await post.drain(webhook) == [["first", "second"]]


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [(0, "1970-01-01T00:00:00Z"), (1_500_000, "1970-01-01T00:00:01.500Z"), (1_700_000_000_000_001, "2023-11-14T22:13:20.000001Z")],
)
def test_times_are_written_as_the_stream_of_events_writes_them(microseconds: int, written: str) -> None:
    assert wording._moment(microseconds) == written == timestamp(microseconds).ToJsonString()
