"""The plain method against transformers' own SDPA and DynamicCache: same weights, same prompt, one run.

    python benchmarks/dense.py                          # SmolLM2: speeds, and peak memory at 32,768 tokens
    python benchmarks/dense.py --model gemma3-270m --stored 512 --memory 0

Prefill is timed interleaved, A B A B; the ratio is of medians, above 1 means longspan is faster. For decoding, the
stored tokens of longspan are read with the A-shape pattern, which stores the same bytes in less time, and those of
transformers are random: neither changes the work of a decoded token. `longspan bench` times methods and other programs
on the same prompt instead, reading it whole for each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import torch

from longspan.bench.host import describe
from longspan.bench.sides import encode, plain, prose
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.reference import Reference
from longspan.models.session import CHUNK
from longspan.pattern.a_shape import AShape
from longspan.plan.machine import peak_memory


def tokens(model: Model, length: int) -> list[int]:
    """A prompt of real text."""
    return encode(model, prose(model, length), length)


@cache
def reference(model: Model) -> Reference:
    """transformers with the same weights."""
    return Reference(plain(model).network)


def transformers_prefill(model: Model, prompt: list[int]) -> torch.Tensor:
    side = reference(model)
    side.clear()
    return side.logits(prompt)


def longspan_prefill(model: Model, prompt: list[int], chunk: int = CHUNK) -> torch.Tensor:
    with model.open(length=len(prompt)) as session:
        return session.prefill([prompt], chunk=chunk)


def timed(run) -> tuple[float, torch.Tensor]:
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result


def prefill(model: Model, length: int, repeats: int) -> dict[str, float]:
    """Tokens per second of both, of longspan in one shot, and how far the logits are apart."""
    prompt = tokens(model, length)
    runs = {
        "transformers": lambda: transformers_prefill(model, prompt),
        "longspan": lambda: longspan_prefill(model, prompt),
        "one_shot": lambda: longspan_prefill(model, prompt, chunk=length),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    logits = {}
    for _ in range(repeats):
        for name, run in runs.items():
            spent, logits[name] = timed(run)
            seconds[name].append(spent)
    middle = {name: statistics.median(spent) for name, spent in seconds.items()}
    return {
        "length": length,
        **{f"{name}_tok_s": length / spent for name, spent in middle.items()},
        "ratio": middle["transformers"] / middle["longspan"],
        "chunked_to_one_shot": middle["one_shot"] / middle["longspan"],
        "logit_difference": float((logits["transformers"] - logits["longspan"]).abs().max()),
        "logit_difference_one_shot": float((logits["transformers"] - logits["one_shot"]).abs().max()),
    }


def transformers_decode(model: Model, stored: int, steps: int) -> float:
    config, side = model.network.get_decoder().config, reference(model)
    side.clear()
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for layer in range(config.num_hidden_layers):
        states = torch.randn(1, config.num_key_value_heads, stored, head_dim).to(model.device, model.network.dtype)
        side.cache.update(states, states.clone(), layer)
    side.tokens = stored
    return statistics.median([timed(lambda: side.logits([5]))[0] for _ in range(steps)][1:])


def longspan_decode(model: Model, stored: int, steps: int) -> float:
    method = Method(pattern=AShape(sinks=64, local=512, tile=64)) if stored > 8192 else Method()
    with model.open(method, length=stored + steps) as session:
        session.prefill([tokens(model, stored)])
        step = torch.tensor([[5]])
        spent = [timed(lambda: session.decode(step))[0] for _ in range(steps)]
    return statistics.median(spent[1:])


def decode(model: Model, stored: int, steps: int) -> dict[str, float]:
    theirs, ours = transformers_decode(model, stored, steps), longspan_decode(model, stored, steps)
    again = min(theirs, transformers_decode(model, stored, steps))
    return {
        "stored": stored,
        "transformers_tok_s": 1 / again,
        "longspan_tok_s": 1 / ours,
        "ratio": again / ours,
    }


def peak(side: str, model: str, length: int) -> list[float]:
    """Megabytes a fresh process has needed at most: with the model loaded, and after it read a prompt."""
    command = [sys.executable, __file__, "--model", model, "--memory", str(length), "--side", side]
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def memory(model: str, length: int) -> dict[str, float]:
    """Chunked prefill of longspan against one-shot prefill of transformers: whole processes, and what reading added."""
    (_, theirs), (loaded, ours) = peak("transformers", model, length), peak("longspan", model, length)
    figures = {"length": length, "loaded_MB": loaded, "transformers_MB": theirs, "longspan_MB": ours}
    return {**figures, "ratio": ours / theirs, "ratio_of_added": (ours - loaded) / (theirs - loaded)}


def one_side(model: Model, side: str, length: int) -> tuple[float, float]:
    prompt = tokens(model, length)
    loaded = peak_memory()
    transformers_prefill(model, prompt) if side == "transformers" else longspan_prefill(model, prompt)
    return loaded / 1e6, peak_memory() / 1e6


def row(values: dict[str, float]) -> str:
    return "  ".join(f"{name}={value:,.2f}" if value % 1 else f"{name}={value:,.0f}" for name, value in values.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a known model, a directory or a GGUF file")
    parser.add_argument("--lengths", default="512,2048,8192,16384", help="prompt lengths to prefill")
    parser.add_argument("--stored", default="512,8192,32768", help="stored tokens to decode with")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="tokens decoded")
    parser.add_argument("--memory", type=int, default=32768, help="prompt to compare peak memory at; 0: do not")
    parser.add_argument("--side", choices=["transformers", "longspan"], help="only this side's peak memory")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    model = Model.load(ensure(options.model))
    if options.side:
        print(*one_side(model, options.side, options.memory))
        return
    print(*(f"{name}: {value}" for name, value in describe(model).items()), sep="\n")
    longspan_prefill(model, tokens(model, 256))
    results: dict[str, list[dict[str, float]]] = {"prefill": [], "decode": []}
    for length in (int(word) for word in options.lengths.split(",") if word):
        results["prefill"].append(prefill(model, length, options.repeats if length < 16384 else 1))
        print("prefill", row(results["prefill"][-1]), flush=True)
    for stored in (int(word) for word in options.stored.split(",") if word):
        results["decode"].append(decode(model, stored, options.steps))
        print("decode ", row(results["decode"][-1]), flush=True)
    if options.memory:
        results["memory"] = [memory(options.model, options.memory)]
        print("memory ", row(results["memory"][-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
