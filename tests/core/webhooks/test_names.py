"""Names in bodies: looked up for a page of events at once, and once for each event."""

from __future__ import annotations

import json

from server.model import Agent, new_id
from tests.core.webhooks.post import Post
from tests.support.people import happen, make_task, project_of

# Fewer than are looked at in one go.
TASKS = 50


async def test_a_page_of_tasks_is_made_into_bodies_with_a_statement_for_each_kind_of_name(
    post: Post, monkeypatch
) -> None:
    organization = post.tenant.caller.organization_id
    wanted = {"api": "coordinaitor", "events": ["task.completed"]}
    webhooks = [await post.webhook(**wanted) for _ in range(2)]
    for number in range(TASKS):
        agent = Agent.new(
            id=new_id(), organization_id=organization, name=f"A{number}", created_at=1, updated_at=1, environment=""
        )
        await post.database.write(lambda transaction, agent=agent: transaction.insert(agent))
        project = await project_of(post.database, organization, name=f"P{number}")
        task = await make_task(post.database, organization, None, agent_id=agent.id, project_id=project.id)
        await happen(post.database, "task.completed", task)
    asked = []
    original = post.database.all
    monkeypatch.setattr(
        post.database, "all", lambda *given, **more: (asked.append(given[0].sqlite), original(*given, **more))[1]
    )
    assert await post.fan() == 2 * TASKS
    names = [text for text in asked if text.startswith(("SELECT agents.id", "SELECT projects.id"))]
    assert len(names) == 2
    told = {json.loads((await post.deliveries.get(post.call, webhook.id, each.delivery.id)).delivery.body)["data"]["id"]
            for webhook in webhooks for each in await post.sent(webhook)}
    assert len(told) == TASKS
    [last] = [each for each in await post.sent(webhooks[0])][-1:]
    data = json.loads((await post.deliveries.get(post.call, webhooks[0].id, last.delivery.id)).delivery.body)["data"]
    assert data["agent"]["name"] == f"A{TASKS - 1}" and data["project"]["name"] == f"P{TASKS - 1}"
    assert data["agent"]["id"].startswith("agent-") and data["project"]["id"].startswith("proj-")
