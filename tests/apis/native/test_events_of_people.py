"""Events of people, their projects and what they say of tasks, as gRPC and native webhooks show them."""

from __future__ import annotations

import pytest

from server.apis.native.resources import event_message
from server.apis.coordinaitor.wording import WORDING as OF_PEOPLE
from server.apis.native.wording import WORDING
from server.model import (
    EVENT_TYPES,
    PERSONAL,
    Comment,
    Event,
    Invitation,
    Notification,
    Project,
    ProjectMember,
    Rating,
    Record,
    TaskFile,
    User,
)

NOW = 1_700_000_000_000_000
KINDS = ("comment", "file", "invitation", "notification", "project", "rating", "user")
_OF = {"organization_id": "0" * 32, "created_at": NOW}
ROWS: dict[str, Record] = {
    "comment": Comment.new(id="1" * 32, task_id="2" * 32, content="Done?", author="user_9", mentions='["3"]', **_OF),
    "file": TaskFile.new(
        id="1" * 32,
        task_id="2" * 32,
        name="a.txt",
        content_type="text/plain",
        size=3,
        sha256="aa",
        blob="b",
        author="user_9",
        **_OF,
    ),
    "invitation": Invitation.new(
        id="1" * 32, email="c@b.example", role="viewer", digest="dd", invited_by="3" * 32, expires_at=NOW, **_OF
    ),
    "notification": Notification.new(
        id="1" * 32, user_id="3" * 32, type="task.completed", title="Done", resource_id="2" * 32, event_number=7, **_OF
    ),
    "project": Project.new(id="1" * 32, name="Shop", tags='["web"]', status="on-hold", updated_at=NOW, **_OF),
    "project.member_added": ProjectMember.new(project_id="1" * 32, user_id="3" * 32, role="viewer", **_OF),
    "project.member_removed": ProjectMember.new(project_id="1" * 32, user_id="3" * 32, role="viewer", **_OF),
    "project.member_updated": ProjectMember.new(project_id="1" * 32, user_id="3" * 32, role="viewer", **_OF),
    "rating": Rating.new(task_id="2" * 32, user_id="3" * 32, quality=0.5, **_OF),
    "user": User.new(
        id="3" * 32, email="a@b.example", name="Ada", password="$argon2", preferences='{"theme":"dark"}', **_OF
    ),
}
FIELDS = {
    "notification": "notification",
    "comment": "comment",
    "file": "task_file",
    "invitation": "invitation",
    "project": "project",
    "rating": "rating",
    "user": "user",
}


def event(type: str) -> Event:
    row = ROWS.get(type) or ROWS[type.partition(".")[0]]
    return Event.new(type=type, number=1, resource_id="1" * 32, payload=row.snapshot(), created_at=NOW)


@pytest.mark.parametrize("type", [each for each in EVENT_TYPES if each.partition(".")[0] in KINDS])
def test_every_event_of_people_has_its_resource(type: str) -> None:
    field = "project_member" if "member" in type else FIELDS[type.partition(".")[0]]
    assert event_message(event(type)).WhichOneof("resource") == field
    assert "argon2" not in str(event_message(event(type)))
    assert len(WORDING.data(event(type))) > 1 and (WORDING.name(event(type)) is None) == (type in PERSONAL)


def test_a_project_and_a_person_read_as_they_were() -> None:
    project, user = WORDING.data(event("project.updated")), WORDING.data(event("user.registered"))
    assert (project["state"], project["tags"], project.get("budget_hours")) == (
        "STATE_ON_HOLD",
        ["web"],
        None,
    )
    # Whoever has webhooks need not be one who may see where mail reaches people.
    assert user["name"] and user["email"] == "" and "preferences" not in user and "b.example" not in str(OF_PEOPLE.data(event("user.registered")))
    assert "b.example" not in str(WORDING.data(event("invitation.created")))
    shown = event_message(event("user.registered")).user
    assert shown.preferences and shown.email == "a@b.example"
    assert WORDING.data(event("comment.created"))["mentions"] == ["user_3"]
