"""What a measurement was made on and with."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import torch

from longspan import __version__
from longspan.bench.sides import Side
from longspan.models.model import Model
from longspan.plan.machine import here


def describe(model: Model, others: Sequence[Side] = ()) -> dict[str, str]:
    """Model, hardware, threads, precision and versions, those of other programs included."""
    machine = here(str(model.device))
    processor = f"{machine.accelerator} on {machine.processor}" if machine.accelerator else machine.processor
    own = {each.name: ", ".join(f"{name} {number}" for name, number in each.versions.items()) for each in others}
    return {
        "model": model.describe(),
        "digest": model.digest,
        "hardware": f"{processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB",
        "threads": str(torch.get_num_threads()),
        "dtype": model.dtype,
        "versions": f"longspan {__version__}, torch {torch.__version__}, transformers {version('transformers')}, "
        f"Python {platform.python_version()}",
        **{name: versions for name, versions in own.items() if versions},
    }
