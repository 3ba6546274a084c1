"""The machine below: how busy it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Machine:
    """How busy the machine is, in per cent; load for each processor."""

    load: float | None
    memory_percent: float | None
    disk_percent: float | None


def look_at_machine(folder: Path) -> Machine:
    """How busy it is now, and how full the disk with this folder. Takes a moment, so it is for a thread."""
    existing = next((each for each in (folder, *folder.resolve().parents) if each.exists()), Path("/"))
    return Machine(
        load=round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),
        memory_percent=psutil.virtual_memory().percent,
        disk_percent=psutil.disk_usage(str(existing)).percent,
    )
