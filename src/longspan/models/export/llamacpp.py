"""llama.cpp: flags of llama-server and its other programs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from longspan.core.progress import Progress, silent
from longspan.models.export.scaling import CLOSE, Scaling

TITLE = "llama.cpp"
FILE = "flags.txt"
IN_FILE = ("longrope", "llama3")
"""Kinds of scaling that llama.cpp reads as a tensor of the GGUF file."""


def refusal(made: Scaling) -> str:
    """Why llama.cpp cannot do it; empty: it can."""
    parameters = made.parameters
    kind = parameters["rope_type"]
    if not made.plain:
        return "the model's own scaling lies in its GGUF file, and flags come on top of it"
    if kind in IN_FILE:
        return "factors per channel pair have no flags: export with hf and convert that folder to GGUF"
    if kind == "dynamic":
        return "it has no scaling that depends on the length of a request"
    if kind == "yarn" and not parameters.get("truncate", True):
        return "its YaRN rounds the ends of the ramp to whole channels"
    if kind == "yarn" and not _usual_temperature(parameters):
        return "its versions read --yarn-attn-factor differently, and this method needs a temperature of its own"
    return ""


def notes(made: Scaling) -> list[str]:
    """What is other than with the method."""
    return []


def flags(made: Scaling) -> list[str]:
    """What to add to the command line."""
    parameters = made.parameters
    context = ["--ctx-size", str(made.length)]
    if parameters["rope_type"] == "default":
        return [*context, "--rope-freq-base", f"{parameters['rope_theta']:.7g}"]
    scaled = [*context, "--rope-scaling", parameters["rope_type"], "--rope-scale", f"{parameters['factor']:.7g}"]
    if parameters["rope_type"] == "linear":
        return scaled
    betas = ["--yarn-beta-fast", f"{parameters['beta_fast']:g}", "--yarn-beta-slow", f"{parameters['beta_slow']:g}"]
    return [*scaled, "--yarn-orig-ctx", str(made.trained), *betas]


def command(made: Scaling, folder: Path) -> str:
    """How the export is used."""
    return f"llama-server -m MODEL.gguf {' '.join(flags(made))}"


def write(made: Scaling, folder: Path, network: Any, source: Path, *, progress: Progress = silent) -> list[str]:
    """Write the flags, on one line."""
    (folder / FILE).write_text(" ".join(flags(made)) + "\n", "utf-8")
    return [FILE]


def _usual_temperature(parameters: dict[str, Any]) -> bool:
    usual = 1 + 0.1 * math.log(parameters["factor"])
    return math.isclose(parameters.get("attention_factor", usual), usual, rel_tol=CLOSE)
