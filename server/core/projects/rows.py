"""Projects as their owners reach them."""

from __future__ import annotations

from server.core.shared.resource import Resource
from server.model import Project

PROJECTS = Resource(Project, "project", Project.table().c.deleted_at.is_(None))
