"""An organization with people in it, their projects, and what they say of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.core.discussion.comments import TaskComments
from server.core.discussion.files import TaskFiles, Uploaded
from server.core.discussion.ratings import Ratings
from server.core.identity.roles import scopes_of
from server.core.projects.registry import Projects
from server.core.shared.call_context import Call, Caller
from server.core.shared.count_cache import CountCache
from server.model import Project, Task, TaskFile, User, new_id
from server.store.blobs import Blobs
from tests.support.world import World


class Company:
    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.database = world, world.database
        counts = CountCache(world.database)
        self.blobs = Blobs("", folder / "blobs")
        self.projects = Projects(world.database, counts)
        self.comments = TaskComments(world.database, counts)
        self.files = TaskFiles(world.database, counts, self.blobs)
        self.ratings = Ratings(world.database)
        self._idle: str | None = None
        self.boss = world.tenant.call()

    async def person(self, role: str = "developer", **caller: Any) -> Call:
        """A new person's call, by a key that holds whatever he may, and more."""
        organization = self.boss.organization_id
        user = User.new(
            id=new_id(), organization_id=organization, email=f"{new_id()}@x.test", name=role, role=role, created_at=1
        )
        await self.database.write(lambda transaction: transaction.insert(user))
        given = {"scopes": scopes_of(role), "unbounded": frozenset({"*"}), **caller}
        return Call(Caller(organization, user.id, new_id(), **given), "request", "method")

    def agent(self, agent_id: str) -> Call:
        """A call by an agent's credential."""
        caller = self.boss.caller
        scopes = frozenset({"heartbeats:write"})
        return Call(Caller(caller.organization_id, caller.user_id, new_id(), scopes, agent_id=agent_id), "r", "method")

    async def project(self, name: str = "p", **given: Any) -> Project:
        return await self.projects.create(self.boss, name=name, **given)

    async def task(self, project: Project | None = None, **values: Any) -> Task:
        """A task that nobody does yet, with these values in its row."""
        if self._idle is None:
            self._idle = (await self.world.agent("idle", worker=False))[0].id
        task = await self.world.task(agent_id=self._idle)
        changes = {"project_id": project.id if project else None, **values}
        return await self.database.write(lambda transaction: transaction.update(task, **changes))

    async def leased(self, project: Project | None = None) -> Task:
        """A task that a worker holds."""
        agent, worker = await self.world.agent(max_concurrent_tasks=9)
        task = await self.world.task(agent_id=agent.id)
        (claimed,) = await self.world.claim(worker, 1)
        assert claimed.id == task.id
        if project is not None:
            return await self.database.write(lambda transaction: transaction.update(claimed, project_id=project.id))
        return claimed

    async def upload(self, call: Call, task: Task, data: bytes = b"x", name: str = "a.txt", **given: Any) -> TaskFile:
        async def pieces():
            yield data

        blob = await self.blobs.put(call.organization_id, pieces(), 1 << 20)
        return await self.files.create(call, task.id, Uploaded(blob=blob, sample=data, filename=name, **given))

    def stored(self) -> set[str]:
        folder = self.blobs._folder
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()

    async def events(self) -> list[str]:
        return [each.type for each in await self.world.feeds.page(self.boss.organization_id, 0, 10_000)]

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """The names of the reads that are made meanwhile."""
        made: list[str] = []

        def counting(name: str) -> Any:
            read = getattr(self.database, name)

            async def counted(statement: Any, **parameters: Any) -> Any:
                made.append(name)
                return await read(statement, **parameters)

            return counted

        for name in ("one", "all", "scan"):
            setattr(self.database, name, counting(name))
        try:
            yield made
        finally:
            for name in ("one", "all", "scan"):
                delattr(self.database, name)
