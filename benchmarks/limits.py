"""What limits decoding on this machine: a profile of single steps, and the model's matrix products by themselves.

    python benchmarks/limits.py                       # SmolLM2 with 512 tokens stored
    python benchmarks/limits.py --stored 8192

The whole step is timed, then its products by themselves: each weight matrix, those that read the same input laid side
by side as fused projections have them, and these by `longspan.models.product`. Rates are bytes of weights a second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from longspan.evals.haystack import library
from longspan.models import ensure
from longspan.models.model import Model
from longspan.models.product import product

STEPS = 20
FUSED = (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))
"""Projections of a layer that read the same input."""


def seconds(run: Callable[[], object], times: int = STEPS) -> float:
    """The quickest of several runs."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
    return best


def products(weights: Sequence[torch.Tensor], multiply: Callable[..., torch.Tensor]) -> Callable[[], None]:
    """Multiply one token by every matrix."""
    inputs = {w.shape[1]: torch.randn(1, 1, w.shape[1], dtype=w.dtype) for w in weights}

    def run() -> None:
        for w in weights:
            multiply(inputs[w.shape[1]], w, None)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--stored", type=int, default=512)
    asked = parser.parse_args()
    model = Model.load(ensure(asked.model))
    print(f"{model.describe()}; {asked.stored:,} tokens stored; torch {torch.__version__}")
    text = model.encode(" ".join(library().sentences))[: asked.stored]
    token = torch.tensor([[text[0]]])
    with model.open(length=asked.stored + 4 * STEPS) as session:
        session.prefill([text])
        step = seconds(lambda: session.decode(token))
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            for _ in range(STEPS):
                session.decode(token)
    print(f"a step takes {1e3 * step:.1f} ms; time inside operations, of a step with the profiler running:")
    events = sorted(profiled.key_averages(), key=lambda event: -event.self_cpu_time_total)
    for event in events[:6]:
        print(f"  {event.self_cpu_time_total / STEPS / 1e3:6.2f} ms  {event.count // STEPS:4} calls  {event.key}")
    layers = model.network.get_decoder().layers
    with torch.inference_mode():
        alone, fused = list[torch.Tensor](), list[torch.Tensor]()
        for layer in layers:
            named = {
                name.rpartition(".")[2]: part.weight for name, part in layer.named_modules() if hasattr(part, "weight")
            }
            alone += [named[name] for group in FUSED for name in group]
            fused += [torch.cat([named[name] for name in group]) for group in FUSED]
        head = [model.network.get_output_embeddings().weight]
        for name, weights in {"projections": alone, "projections, fused": fused, "head": head}.items():
            for multiply in (F.linear, product):
                took, size = 1e3 * seconds(products(weights, multiply)), sum(w.nbytes for w in weights)
                by = f"{len(weights):4} by {multiply.__name__:8}"
                print(f"{name:20} {by}{took:6.2f} ms, {size / took / 1e6:5.1f} GB/s")


if __name__ == "__main__":
    main()
