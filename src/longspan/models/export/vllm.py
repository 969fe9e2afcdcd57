"""vLLM: JSON for --hf-overrides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from longspan.core.progress import Progress, silent
from longspan.models.export.scaling import Scaling

TITLE = "vLLM"
FILE = "hf-overrides.json"
OWN_LENGTH = ("linear", "yarn", "dynamic")
"""Kinds of scaling under which vLLM multiplies the model's window by the factor itself."""


def refusal(made: Scaling) -> str:
    """Why vLLM cannot do it; empty: it can."""
    kind = made.parameters["rope_type"]
    if kind == "dynamic":
        return "it computes frequencies once when it starts, not for the length of each request"
    if kind == "longrope" and not made.half:
        return "its factors per channel pair are for models whose channels turn in halves, this one's are interleaved"
    return ""


def notes(made: Scaling) -> list[str]:
    """What is other than with the method."""
    parameters = made.parameters
    if parameters["rope_type"] == "longrope" and (
        not made.within or parameters["short_factor"] != parameters["long_factor"]
    ):
        return [
            "the same in requests longer than the window; vLLM takes the long factors for shorter ones too once "
            "--max-model-len exceeds it"
        ]
    return []


def overrides(made: Scaling) -> dict[str, Any]:
    """What vLLM is to change in the model's configuration."""
    parameters = dict(made.parameters)
    if parameters["rope_type"] == "longrope":
        temperature = parameters["attention_factor"]
        parameters |= {"short_mscale": temperature, "long_mscale": temperature}
    held: dict[str, Any] = {made.layer_type: parameters} if made.layer_type else parameters
    changed: dict[str, Any] = {"rope_parameters": held}
    return changed if parameters["rope_type"] in OWN_LENGTH else {**changed, "max_position_embeddings": made.window}


def command(made: Scaling, folder: Path) -> str:
    """How the export is used."""
    return f'vllm serve MODEL --hf-overrides "$(cat {folder / FILE})" --max-model-len {made.length}'


def write(made: Scaling, folder: Path, network: Any, source: Path, *, progress: Progress = silent) -> list[str]:
    """Write the JSON."""
    changed = overrides(made)
    if made.layer_type:
        own = network.get_decoder().config.rope_parameters
        changed["rope_parameters"] = {**own, **changed["rope_parameters"]}
    (folder / FILE).write_text(json.dumps(changed, indent=1) + "\n", "utf-8")
    return [FILE]
