"""Speed on one large accelerator: an 8B Llama shape with random weights, long prompts and batches.

    python benchmarks/gpu.py prefill                         # 128k and 512k: dense and patterns against SDPA
    python benchmarks/gpu.py decode --batch 8 --length 128k  # tokens a second of a batch, method by method
    python benchmarks/gpu.py decode --model random:1b --device cpu --batch 2 --length 1k   # the same on a small machine

`prefill` is `longspan bench prefill` with these choices. `decode` reads one prompt for all rows of a batch and times
single steps, each method in turn; a method whose bytes do not fit says so. transformers does the same with its
DynamicCache.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers import DynamicCache

from longspan.bench.sides import encode, prose
from longspan.cli.main import main as command
from longspan.core.setting import read
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.shapes import shaped

PATTERNS = ("pattern=xattention", "pattern=flexprefill", "pattern=minference", "pattern=a_shape:sinks=128,local=4096")
STORES = ("", "kv=snapkv:budget=4096", "kv=streaming_llm:budget=4096", "kv=quest:budget=4096", "kv=kivi:bits=4")
STEPS = 16
CHUNK = 8192
"""Tokens that transformers reads at once: a whole prompt of a batch does not fit beside its cache."""

Step = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def ours(model: Model, method: str, prompt: list[int], batch: int) -> Iterator[tuple[Step, Callable[[], int]]]:
    """Steps of a session in which every row has read the prompt, and the bytes it holds."""
    with model.open(Method.parse(method), length=len(prompt) + 2 * STEPS) as session:
        session.prefill([prompt] * batch)
        yield lambda token_B1: session.decode(token_B1)[:, -1], session.nbytes


@contextmanager
def theirs(model: Model, prompt: list[int], batch: int) -> Iterator[tuple[Step, Callable[[], int]]]:
    """The same by transformers."""
    cache = DynamicCache(config=model.network.config)

    def step(token_BT: torch.Tensor) -> torch.Tensor:
        out = model.network(token_BT.to(model.device), past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits_BV: torch.Tensor = out.logits[:, -1]
        return logits_BV

    with torch.inference_mode():
        tokens = torch.tensor([prompt] * batch)
        for part in tokens.split(CHUNK, 1):
            step(part)
        yield step, lambda: sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def decode(model: Model, length: int, batch: int, methods: list[str]) -> None:
    """Print the median step of every method."""
    prompt = encode(model, prose(model, length), length)
    base = 0.0
    for name in ("transformers", *methods):
        try:
            side = theirs(model, prompt, batch) if name == "transformers" else ours(model, name, prompt, batch)
            with side as (step, nbytes):
                token, spent = torch.zeros(batch, 1, dtype=torch.long), list[float]()
                for _ in range(STEPS):
                    began = time.perf_counter()
                    token = step(token).argmax(-1, keepdim=True).cpu()
                    spent.append(time.perf_counter() - began)
                held = nbytes()
        except torch.OutOfMemoryError:
            print(f"{name or 'dense':32} does not fit", flush=True)
            continue
        middle = statistics.median(spent)
        base = base or middle
        rate = f"{batch / middle:8.1f} tokens/s  {base / middle:5.2f} times the first"
        print(f"{name or 'dense':32} {1e3 * middle:8.1f} ms  {rate}  {held / 2**30:7.2f} GiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("prefill", "decode"))
    parser.add_argument("--model", default="random:8b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--length", default="128k,512k", help="of the prompt; decode takes the first")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", default="2")
    parser.add_argument("--method", action="append", help="instead of those of this file")
    asked = parser.parse_args()
    if asked.part == "prefill":
        methods = [word for method in asked.method or PATTERNS for word in ("--methods", method)]
        where = ["--model", asked.model, "--device", asked.device, "--lengths", asked.length]
        raise SystemExit(command(["bench", "prefill", *where, "--repeats", asked.repeats, *methods]))
    model = shaped(asked.model, device=asked.device)
    print(f"{model.describe()}; batch {asked.batch}; torch {torch.__version__}")
    decode(model, int(str(read(asked.length.split(",")[0], int))), asked.batch, asked.method or list(STORES))


if __name__ == "__main__":
    main()
