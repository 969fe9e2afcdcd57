"""Transformers: a model folder whose config.json holds the settings."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from longspan.core.progress import Progress, silent
from longspan.models.export.scaling import Scaling, configured

TITLE = "transformers"
SKIPPED = ("config.json", "tokenizer_config.json")
"""Files that are written anew."""
WEIGHTS = (".safetensors", ".bin")
"""Files that nobody edits in place, so that both folders may share them."""


def refusal(made: Scaling) -> str:
    """Why transformers cannot do it; empty: it can."""
    return ""


def notes(made: Scaling) -> list[str]:
    """What is other than with the method."""
    if made.parameters["rope_type"] == "dynamic":
        return [
            "transformers reckons the length anew at every token, and keys stored before keep their old frequencies: "
            "a reply that grows far beyond its prompt is not the same",
            f"max_position_embeddings stays {made.trained}, which dynamic scaling counts from",
        ]
    if not made.within:
        return ["the same in requests longer than the window; in shorter ones transformers changes temperature too"]
    return []


def command(made: Scaling, folder: Path) -> str:
    """How the export is used."""
    return f'AutoModelForCausalLM.from_pretrained("{folder}")'


def write(made: Scaling, folder: Path, network: Any, source: Path, *, progress: Progress = silent) -> list[str]:
    """Write a folder that loads as the extended model: weights are linked where the disk can, all else is copied."""
    files = [path for path in sorted(source.iterdir()) if path.is_file() and path.name not in SKIPPED]
    for number, path in enumerate(files):
        _place(path.resolve(), folder / path.name)
        progress("write the model", number + 1, len(files), "files")
    _widen(source / "tokenizer_config.json", folder, made.window)
    configured(AutoConfig.from_pretrained(source), made).save_pretrained(folder)
    return sorted(path.name for path in folder.iterdir())


def _place(path: Path, target: Path) -> None:
    if path.suffix in WEIGHTS:
        with suppress(OSError):
            os.link(path, target)
            return
    shutil.copyfile(path, target)


def _widen(path: Path, folder: Path, window: int) -> None:
    """Copy the tokenizer's settings; engines take its `model_max_length` for a limit."""
    if not path.is_file():
        return
    settings = json.loads(path.read_text("utf-8"))
    if isinstance(settings.get("model_max_length"), int):
        settings["model_max_length"] = max(window, settings["model_max_length"])
    (folder / path.name).write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")
