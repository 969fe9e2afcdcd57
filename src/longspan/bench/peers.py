"""Contestants that are programs of others: transformers, llama.cpp, and kvpress in an interpreter of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from longspan.bench.sides import Side, Transformers, Trial, cut, encode, trial
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.models import reference
from longspan.models.model import Model
from longspan.plan.shape import Shape

PEERS = ("transformers", "llamacpp", "kvpress")
PRESS, SHARE = "SnapKVPress", 0.5
"""What kvpress does to a prompt where nothing else is asked: the method, and the share of tokens it drops."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A peer as it was typed, checked as far as that goes without a model."""

    kind: str
    press: str = PRESS
    share: float = SHARE
    file: Path = Path()
    """The GGUF file of llama.cpp."""
    python: str = ""
    """The interpreter of kvpress."""

    def held(self, shape: Shape, tokens: int) -> int:
        """Bytes that it holds all the time, the loaded model here not counted."""
        if self.kind == "llamacpp":
            half = 2
            return self.file.stat().st_size + 2 * shape.layers * shape.kv_heads * shape.head_dim * tokens * half
        halved = shape.bytes_per_weight < shape.bytes_per_value
        return shape.plain_weight_bytes if self.kind == "kvpress" or halved else 0

    def open(self, model: Model, room: int) -> Side:
        """Make it ready for prompts and replies of `room` tokens."""
        if self.kind == "llamacpp":
            return LlamaCpp(self.file, room, gpu=model.device.type != "cpu")
        return KVPress(model, self) if self.kind == "kvpress" else Transformers(model)


def read(text: str, *, gguf: Path, python: str) -> list[Asked]:
    """The peers of a list such as `transformers,kvpress:KnormPress:0.25`; InputError for what is not there."""
    found = [_read(word.strip(), gguf, python) for word in text.split(",") if word.strip()]
    if len(set(found)) < len(found):
        raise InputError(f"--vs {text!r} names the same twice")
    return found


def _read(word: str, gguf: Path, python: str) -> Asked:
    kind, _, rest = word.partition(":")
    if kind not in PEERS or (rest and kind != "kvpress"):
        raise InputError(f"--vs {word!r}: {choices(kind, PEERS)} (and kvpress:PRESS:SHARE)")
    if kind == "llamacpp":
        _llama()
        if not gguf.is_file():
            raise InputError(f"--vs llamacpp needs the model as a GGUF file, and {str(gguf)!r} is no file: --gguf FILE")
        return Asked(kind, file=gguf)
    if kind == "kvpress":
        if shutil.which(python) is None:
            lack = f"{python!r} is none" if python else "none is named"
            raise InputError(f"--vs kvpress needs an interpreter that has it, and {lack}: --kvpress-python FILE")
        press, _, share = rest.partition(":")
        return Asked(kind, press=press or PRESS, share=_share(share or str(SHARE)), python=python)
    return Asked(kind)


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) < 1:
            return share
    raise InputError(
        f"--vs kvpress: {text!r} is no share of tokens to drop, from 0 to below 1: kvpress:{PRESS}:{SHARE}"
    )


def _llama() -> Any:
    try:
        return import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(f"--vs llamacpp needs llama.cpp ({error}): pip install llama-cpp-python") from error


class LlamaCpp:
    """llama.cpp through llama-cpp-python, with a GGUF file of the model; its weights may be of lower precision."""

    def __init__(self, file: Path, room: int, *, gpu: bool) -> None:
        library, threads = _llama(), torch.get_num_threads()
        self.name = f"llamacpp {file.name}"
        self.versions: Mapping[str, str] = {"llama-cpp-python": str(library.__version__)}
        try:
            self._llama = library.Llama(
                str(file),
                n_ctx=room,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=-1 if gpu else 0,
                verbose=False,
            )
        except ValueError as error:
            raise InputError(f"llama.cpp cannot read {file}: {error}") from error

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does; its own tokenizer makes the tokens."""
        return trial(self, lambda: cut(self._llama.tokenize(text.encode(), add_bos=False), length), steps)

    def clear(self) -> None:
        """Forget everything that was read."""
        self._llama.reset()

    def read(self, prompt: list[int]) -> int:
        """Read a prompt: the likeliest next token."""
        self._llama.eval(prompt)
        return int(self._llama.sample(temp=0.0))

    def write(self, token: int, steps: int) -> list[int]:
        """Append a token and all but the last of those that follow it: these."""
        written = [token]
        for _ in range(steps):
            written.append(self.read(written[-1:]))
        return written[1:]

    def nbytes(self) -> int:
        """It does not tell."""
        return 0

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


class KVPress:
    """kvpress in an interpreter of its own, for it wants an older transformers; the timing is the same code."""

    def __init__(self, model: Model, asked: Asked) -> None:
        self.name = f"kvpress {asked.press}:{asked.share:g}"
        self._model = model
        self._folder = TemporaryDirectory()
        self._words = Path(self._folder.name, "words")
        # A copy: beside the original lie modules whose names would hide packages of that interpreter.
        script = shutil.copy(reference.__file__, self._folder.name)
        pipe = subprocess.PIPE
        with self._words.open("w") as words:
            self._process = subprocess.Popen([asked.python, script], stdin=pipe, stdout=pipe, stderr=words, text=True)
        wanted = {"folder": str(model.folder.resolve()), "dtype": model.computing, "device": str(model.device)}
        press = {"press": asked.press, "share": asked.share, "threads": torch.get_num_threads()}
        self.versions: Mapping[str, str] = self._ask({**wanted, **press})

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does; tokens are made here."""
        began = time.perf_counter()
        prompt = encode(self._model, text, length)
        spent = time.perf_counter() - began
        return Trial(spent, **self._ask({"prompt": prompt, "steps": steps}))

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError, ValueError):
            self._process.communicate()
        self._folder.cleanup()

    def _ask(self, values: dict[str, Any]) -> dict[str, Any]:
        """Answer of the process; InputError with its last words where it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(values) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            last = self._words.read_text().strip().splitlines()[-1:] or ["it ended without a word"]
            self.close()
            raise InputError(f"{self.name} failed: {last[0]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
