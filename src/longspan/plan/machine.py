"""The machine that a plan is for."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor and memory; 0 bytes where nobody can tell."""

    processor: str
    cores: int
    memory: int
    """Bytes of main memory."""
    available: int
    """Bytes of main memory that are free to use now."""
    accelerator: str = ""
    """Name of the GPU, empty without one."""
    accelerator_memory: int = 0
    """Bytes free on it."""

    @property
    def room(self) -> int:
        """Bytes that stored tokens can take where the model computes; 0 unknown."""
        return self.accelerator_memory if self.accelerator else self.available


def here() -> Machine:
    """Describe this machine."""
    memory, available = _memory()
    name, free = _accelerator()
    return Machine(_processor(), _cores(), memory, available, name, free)


def peak_memory() -> int:
    """The most memory, in bytes, that this process has held so far; 0 where nobody can tell."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def held_memory() -> int:
    """The memory, in bytes, that this process holds now; its peak where only that is known."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak_memory()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> tuple[int, int]:
    info = Path("/proc/meminfo")
    if info.exists():
        rows = dict(line.split(":", 1) for line in info.read_text().splitlines())
        total, available = (int(rows.get(name, "0").split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return total, total
    return 0, 0


def _accelerator() -> tuple[str, int]:
    import torch

    if not torch.cuda.is_available():
        return "", 0
    free, _ = torch.cuda.mem_get_info()
    return torch.cuda.get_device_name(), int(free)
