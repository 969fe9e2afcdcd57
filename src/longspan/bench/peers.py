"""Contestants that are programs of others: llama.cpp, and kvpress in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from longspan.bench.sides import Trial, encode
from longspan.core.errors import InputError
from longspan.models import reference
from longspan.models.model import Model

PRESS = "SnapKVPress:0.5"
"""What kvpress does to a prompt where nothing else is asked: the method, and the share of tokens it drops."""


class LlamaCpp:
    """llama.cpp through llama-cpp-python, with a GGUF file of the model; its weights may be of lower precision."""

    def __init__(self, file: Path, room: int, threads: int, gpu: bool) -> None:
        try:
            from llama_cpp import Llama
        except ImportError as error:
            raise InputError(f"--vs llamacpp needs llama.cpp ({error}): pip install llama-cpp-python") from error
        if not file.is_file():
            raise InputError(f"--vs llamacpp needs a GGUF file of the model, and {str(file)!r} is none: --gguf FILE")
        self.name = f"llamacpp {file.name}"
        layers = -1 if gpu else 0
        self._llama: Any = Llama(
            str(file), n_ctx=room, n_threads=threads, n_threads_batch=threads, n_gpu_layers=layers, verbose=False
        )

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does; its own tokenizer makes the tokens."""
        began = time.perf_counter()
        prompt = self._llama.tokenize(text.encode(), add_bos=False)[:length]
        encoded = time.perf_counter()
        if len(prompt) < length:
            raise InputError(f"llama.cpp makes {len(prompt):,} tokens of {length:,}: its GGUF is of another model")
        self._llama.reset()
        self._llama.eval(prompt)
        token = self._llama.sample(temp=0.0)
        marks = [time.perf_counter()]
        for _ in range(steps):
            self._llama.eval([token])
            token = self._llama.sample(temp=0.0)
            marks.append(time.perf_counter())
        return Trial(encoded - began, marks[0] - encoded, tuple(reference.gaps(marks)), 0)

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


class KVPress:
    """kvpress in an interpreter of its own, for it wants an older transformers; the timing is the same code."""

    def __init__(self, model: Model, python: str, press: str) -> None:
        method, _, ratio = (press or PRESS).partition(":")
        self.name = f"kvpress {method}:{ratio or 0.5}"
        self._model = model
        self._folder = TemporaryDirectory()
        self._words = Path(self._folder.name, "words")
        pipe = subprocess.PIPE
        try:
            share = float(ratio or 0.5)
            with self._words.open("w") as words:
                self._process = subprocess.Popen(
                    [python, reference.__file__], stdin=pipe, stdout=pipe, stderr=words, text=True
                )
        except ValueError:
            raise InputError(f"{ratio!r} is no share of tokens to drop: write for instance kvpress:{PRESS}") from None
        except OSError as error:
            raise InputError(
                f"--vs kvpress needs an interpreter that has it: --kvpress-python FILE ({error})"
            ) from error
        wanted = {"folder": str(model.folder), "dtype": model.dtype, "device": str(model.device)}
        self.versions = self._ask({**wanted, "threads": torch.get_num_threads(), "press": method, "ratio": share})

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does; tokens are made here."""
        began = time.perf_counter()
        prompt = encode(self._model, text, length)
        spent = time.perf_counter() - began
        said = self._ask({"prompt": prompt, "steps": steps})
        return Trial(spent, said["read"], tuple(said["steps"]), said["stored_bytes"])

    def close(self) -> None:
        """End the process."""
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
