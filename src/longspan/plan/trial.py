"""A plan put to the proof: the run it promises, in a process of its own, with what that really took."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from longspan import __version__
from longspan.archive import Archive, digest_of
from longspan.core.errors import InputError

STEPS = 8
"""Tokens that are decoded to time one."""
LETTERS = 8
"""Characters of text that are enough for a token."""
BASE = """
import longspan.models.model
from longspan.models.session import Session
from longspan.models.method import Method
from longspan.models.tiny import tiny
from longspan.plan.machine import peak_memory
with Session(tiny(), Method()) as session:
    session.prefill([[5] * 64])
print(peak_memory())
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run."""

    folder: str
    dtype: str
    device: str
    method: str
    tokens: int
    """Of the prompt."""
    reply: int
    batch: int
    chunk: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it took."""

    peak: int
    """The most bytes that the process held where the model computes."""
    kv: int
    """Bytes of stored tokens at the end."""
    prefill_seconds: float
    decode_seconds: float
    """For one token of all rows."""


def base(archive: Archive) -> int:
    """Bytes that the interpreter holds with its libraries at work on a model of no size; measured once and kept."""
    import torch

    key = digest_of("interpreter", BASE, sys.version, torch.__version__, __version__)
    folder = archive.get("base", key)
    if folder is None:
        held = _python("-c", BASE)
        folder = archive.put("base", key, lambda place: _note(place, held))
    return int((folder / "bytes").read_text())


def run(trial: Trial) -> Outcome:
    """Run a plan in a new process; InputError with its last words where it dies."""
    return Outcome(**json.loads(_python("-m", __name__, json.dumps(asdict(trial)))))


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise InputError(f"the trial run failed: {last[0]}")
    return done.stdout.strip().splitlines()[-1]


def _note(folder: Path, held: str) -> None:
    (folder / "bytes").write_text(held)


def _prompt(length: int, encoded: list[int]) -> list[int]:
    return (encoded * (length // len(encoded) + 1))[:length]


def main(text: str) -> Outcome:
    """Read a real text of the length asked for and write a few tokens."""
    from pydoc_data.topics import topics

    import torch

    from longspan.models.method import Method
    from longspan.models.model import Model
    from longspan.plan.machine import peak_memory

    trial = Trial(**json.loads(text))
    model = Model.load(Path(trial.folder), device=trial.device, dtype=trial.dtype)
    prompt = _prompt(
        trial.tokens, model.encode("".join(topics[name] for name in sorted(topics))[: LETTERS * trial.tokens])
    )
    with model.open(Method.parse(trial.method), length=trial.tokens + trial.reply) as session:
        began = time.perf_counter()
        token_B = session.prefill([prompt] * trial.batch, chunk=trial.chunk).argmax(-1)
        read = time.perf_counter()
        for _ in range(STEPS):
            token_B = session.decode(token_B[:, None])[:, -1].argmax(-1)
        wrote = time.perf_counter()
        stored = session.nbytes()
    on_card = model.device.type == "cuda"
    peak = torch.cuda.max_memory_allocated(model.device) if on_card else peak_memory()
    return Outcome(peak, stored, (read - began) / trial.batch, (wrote - read) / STEPS)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(main(sys.argv[1]))))
