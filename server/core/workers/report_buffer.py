"""Progress and lines of a connected worker's tasks, gathered so that a flood of them costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from server.core.workers.reports import MAX_LOG_CHARACTERS, LogLine, Note, WorkerReports
from server.model import Worker

GATHER_SECONDS = 0.25
# Lines that are kept of a task, and of all tasks of a worker, each time.
LINES = 100
ALL_LINES = 500


class ReportBuffer:
    """What has been said of tasks and is not recorded yet: one entry a task."""

    def __init__(self, reports: WorkerReports, worker: Worker) -> None:
        self._reports = reports
        self._worker = worker
        self._notes: dict[str, Note] = {}
        self._left_out: dict[str, int] = {}
        self._lines = 0
        self._writing = asyncio.Lock()
        self._news = asyncio.Event()

    def progress(self, task_id: str, attempt: int, percent: float | None, message: str) -> None:
        """The last word before each recording counts; one without a figure leaves the figure as it is."""
        note = self._note(task_id, attempt)
        note.progress = percent if percent is not None else note.progress
        note.message = message[:MAX_LOG_CHARACTERS]

    def log(self, task_id: str, attempt: int, level: str, message: str) -> None:
        """A line, or one more that is left out."""
        note = self._note(task_id, attempt)
        if len(note.lines) >= LINES or self._lines >= ALL_LINES:
            self._left_out[task_id] = self._left_out.get(task_id, 0) + 1
            return
        self._lines += 1
        note.lines.append(LogLine(level or "info", message[:MAX_LOG_CHARACTERS]))

    def forget(self, task_id: str) -> None:
        """What is noted of a task no longer counts."""
        note = self._notes.pop(task_id, None)
        if note is not None:
            self._lines -= len(note.lines)
            self._left_out.pop(task_id, None)

    async def flush(self, task_ids: Iterable[str] | None = None) -> None:
        """Records what is noted of these tasks, or of all. Raises Unavailable."""
        if not self._notes and not self._writing.locked():
            return
        async with self._writing:
            chosen = list(self._notes) if task_ids is None else [each for each in task_ids if each in self._notes]
            notes = [self._taken(task_id) for task_id in dict.fromkeys(chosen)]
            if notes:
                await self._reports.note(self._worker, notes)

    async def run(self) -> None:
        """Records what is noted: the first word at once, and what comes soon after it together."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.flush()
            await asyncio.sleep(GATHER_SECONDS)

    def _note(self, task_id: str, attempt: int) -> Note:
        self._news.set()
        note = self._notes.get(task_id)
        if note is None or note.attempt != attempt:
            self.forget(task_id)
            note = self._notes[task_id] = Note(task_id, attempt)
        return note

    def _taken(self, task_id: str) -> Note:
        note = self._notes[task_id]
        left_out = self._left_out.get(task_id, 0)
        self.forget(task_id)
        if left_out:
            note.lines.append(LogLine("warning", f"{left_out} lines were left out here: they came too fast"))
        return note
