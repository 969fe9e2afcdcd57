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
    held: int = 0
    """Bytes that this process holds already where the model computes, the loaded model included."""
    accelerator: str = ""
    """Name of the GPU that the model computes on, empty where it is the processor."""
    accelerator_free: int = 0
    """Bytes free on it."""
    disk: int = 0
    """Bytes free where stored tokens can rest in a file."""

    @property
    def room(self) -> int:
        """Bytes that can still be taken where the model computes; 0 unknown."""
        return self.accelerator_free if self.accelerator else self.available


def here(device: str = "cpu") -> Machine:
    """Describe this machine for a model that computes on `device`."""
    memory, available = _memory()
    if not device.startswith("cuda"):
        from longspan.kv.offload.rest import temporary
        from longspan.models.disk import free

        return Machine(_processor(), _cores(), memory, available, held_memory(), disk=free(temporary()))
    import torch

    spare, _ = torch.cuda.mem_get_info(device)
    name, held = torch.cuda.get_device_name(device), torch.cuda.memory_allocated(device)
    return Machine(_processor(), _cores(), memory, available, held, name, int(spare))


def peak_memory() -> int:
    """The most memory, in bytes, that this process has held so far; 0 where nobody can tell."""
    status = _kernel(Path("/proc/self/status"))
    if "VmHWM" in status:
        return int(status["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        return 0
    import resource

    # of a process that was forked it counts what the parent held then
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


def _kernel(path: Path) -> dict[str, str]:
    """What Linux says in a file of names and values; empty elsewhere."""
    return dict(line.split(":", 1) for line in path.read_text().splitlines()) if path.exists() else {}


def _memory() -> tuple[int, int]:
    if rows := _kernel(Path("/proc/meminfo")):
        total, available = (int(rows.get(name, "0").split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        return total, available
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return total, total
    return 0, 0
