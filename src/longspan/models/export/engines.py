"""The engines a method can be exported to, and the export itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from transformers import AutoConfig

from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.progress import Progress, silent
from longspan.core.spec import spell
from longspan.models.export import hf, llamacpp, vllm
from longspan.models.export.proof import Proof, prove
from longspan.models.export.scaling import Inexpressible, Scaling, configured, scaling
from longspan.models.method import Method
from longspan.models.model import Model

ENGINES: dict[str, ModuleType] = {"hf": hf, "vllm": vllm, "llamacpp": llamacpp}
"""The module of each engine, by the name a person types."""
RECORD = "longspan-export.json"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, how to use it, and how far it is from the method."""

    engine: str
    folder: str
    files: tuple[str, ...]
    command: str
    notes: tuple[str, ...]
    """What is other than with the method; empty: nothing."""
    proof: Proof


def export(
    engine: str, folder: Path, model: Model, method: Method, length: int, *, progress: Progress = silent
) -> Exported:
    """Write a method as settings of an engine for requests of up to `length` tokens, proved on logits.

    Raises InputError for an unknown engine, a folder that holds files, and what the engine cannot express, naming the
    engines that can.
    """
    known(engine)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds files already: name an empty or new folder to export to")
    if not (model.folder / "config.json").is_file():
        raise InputError(f"{model.name} is in memory only: save it to a folder and load it from there to export it")
    made = check(engine, model.network, method, length)
    here = ENGINES[engine]
    exact = model if model.dtype == "float32" else Model.load(model.folder, device=str(model.device), dtype="float32")
    folder.mkdir(parents=True, exist_ok=True)
    files = here.write(made, folder, exact.network, model.folder, progress=progress)
    config = AutoConfig.from_pretrained(folder) if engine == "hf" else configured(exact.network.config, made)
    proof = prove(exact.network, config, method, made, progress=progress)
    exported = Exported(
        engine, str(folder), (*files, RECORD), here.command(made, folder), tuple(here.notes(made)), proof
    )
    record = {"method": spell(method), "model": model.name, "length": length, **asdict(exported)}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return exported


def known(engine: str) -> None:
    """InputError for an engine that is not here."""
    if engine not in ENGINES:
        raise InputError(f"no engine {engine!r} to export to: {choices(engine, ENGINES)}")


def check(engine: str, network: Any, method: Method, length: int) -> Scaling:
    """The settings of an engine; InputError with the reason where it has none, and the engines that do."""
    try:
        made = _scaling(network, method, length)
        reasons = {name: here.refusal(made) for name, here in ENGINES.items()}
    except Inexpressible as error:
        raise InputError(
            f"{ENGINES[engine].TITLE} cannot express {spell(method)}: {error}. No engine can: run it with longspan, "
            f'--method "{spell(method)}"'
        ) from error
    if not reasons[engine]:
        return made
    able = [f"{name} ({ENGINES[name].TITLE})" for name, reason in reasons.items() if not reason]
    raise InputError(
        f"{ENGINES[engine].TITLE} cannot express {spell(method)}: {reasons[engine]}. These can: {', '.join(able)}"
    )


def _scaling(network: Any, method: Method, length: int) -> Scaling:
    if Method(rope=method.rope) != method:
        raise Inexpressible(
            "only frequencies (rope=) are settings of other engines, the rest of it is code of longspan"
        )
    return scaling(network, method, length)
