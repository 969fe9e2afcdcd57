"""Bytes and seconds while a long text is read in bounded memory: flat and straight lines, or not.

    python benchmarks/streaming.py --tokens 120000 --out docs/images/streaming.png

Each method reads the same text; the process's resident memory, the bytes of stored tokens on the computing device and
the seconds so far are noted chunk by chunk and drawn.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from matplotlib.figure import Figure

from longspan.evals.haystack import library
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model

METHODS = {
    "InfLLM, blocks on disk": "kv=infllm:local=2048,blocks=8,tier=disk positions=rerope:window=2048",
    "StreamingLLM, every chunk": "kv=streaming_llm:budget=2048,chunks=true positions=cache_relative",
    "KeyDiff, every chunk": "kv=keydiff:budget=2048,chunks=true positions=cache_relative",
}


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def read(model: Model, method: str, tokens: list[int], chunk: int) -> list[dict[str, float]]:
    """What was noted after each chunk."""
    notes, before, began = [], resident(), time.perf_counter()
    with model.open(Method.parse(method), length=len(tokens)) as session:

        def note(stage: str, done: int, total: int, unit: str) -> None:
            held = sum(store.nbytes() for store in session._stores.values())
            seconds = time.perf_counter() - began
            notes.append({"tokens": done, "seconds": seconds, "nbytes": held, "resident": resident() - before})

        session.prefill([tokens], chunk=chunk, progress=note)
    return notes


def draw(found: dict[str, list[dict[str, float]]], path: Path, name: str) -> None:
    """Seconds and bytes over tokens."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for label, notes in found.items():
        tokens = [note["tokens"] / 1000 for note in notes]
        (line,) = left.plot(tokens, [note["seconds"] for note in notes], label=label)
        right.plot(tokens, [note["nbytes"] / 2**20 for note in notes], color=line.get_color())
        right.plot(tokens, [note["resident"] / 2**20 for note in notes], color=line.get_color(), linestyle=":")
    left.set(xlabel="thousand tokens read", ylabel="seconds", title=name)
    right.set(
        xlabel="thousand tokens read", ylabel="MiB", title="stored tokens (dotted: whole process)", ylim=(0, None)
    )
    left.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--tokens", type=int, default=120_000)
    parser.add_argument("--chunk", type=int, default=2048)
    parser.add_argument("--out", type=Path, default=Path("streaming.png"))
    asked = parser.parse_args()
    model = Model.load(ensure(asked.model))
    text = model.encode(" ".join(library().sentences))
    tokens = (text * (asked.tokens // len(text) + 1))[: asked.tokens]
    found = {}
    for label, method in METHODS.items():
        found[label] = read(model, method, tokens, asked.chunk)
        last, half = found[label][-1], found[label][len(found[label]) // 2]
        print(
            f"{label}: {last['tokens']:,} tokens in {last['seconds']:.0f} s "
            f"(half of them in {half['seconds']:.0f} s), {last['nbytes'] / 2**20:.0f} MiB of stored tokens "
            f"({half['nbytes'] / 2**20:.0f} at half), process +{last['resident'] / 2**20:.0f} MiB",
            flush=True,
        )
    asked.out.with_suffix(".json").write_text(json.dumps({"methods": METHODS, "notes": found}) + "\n")
    draw(found, asked.out, f"{asked.model}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
