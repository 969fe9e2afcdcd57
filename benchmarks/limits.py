"""What limits decoding on this machine: a profile of single steps, and the model's matrix products by themselves.

    python benchmarks/limits.py                       # SmolLM2 with 512 tokens stored
    python benchmarks/limits.py --stored 8192

The whole step is timed, then its products by themselves, in what the model computes in: each weight matrix, those that
read the same input laid side by side as fused projections have them, and these by `longspan.models.product` and, in
float32, with weights of sixteen bits by `longspan.models.half`; then attention of one token in all layers, in the fused
kernel and as plain products. Rates are bytes of weights, or of keys and values, a second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from longspan.bench.sides import plain
from longspan.evals.haystack import library
from longspan.models import ensure
from longspan.models.half import Half, multiplies_half
from longspan.models.model import Model
from longspan.models.product import Product
from longspan.plan.shape import Shape

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


def products(
    weights: Sequence[torch.Tensor], layer: Callable[[torch.Tensor], Callable[[torch.Tensor], object]]
) -> Callable[[], None]:
    """Multiply one token by every matrix."""
    made = [(layer(w), torch.randn(1, 1, w.shape[1], dtype=w.dtype)) for w in weights]

    def run() -> None:
        for multiply, x in made:
            multiply(x)

    return run


def attentions(model: Model, stored: int) -> dict[str, tuple[Callable[[], None], int]]:
    """One token's attention in every layer, in two ways, and the bytes of keys and values that it reads."""
    shape, dtype = Shape.of(model), model.network.dtype
    kv_heads, dim = shape.kv_heads, shape.head_dim
    q_BGRD = torch.randn(1, kv_heads, shape.heads // kv_heads, dim, dtype=dtype)
    held = [torch.randn(2, 1, kv_heads, stored, dim, dtype=dtype) for _ in range(shape.layers)]

    def fused() -> None:
        for k, v in held:
            F.scaled_dot_product_attention(q_BGRD, k, v)

    def singly() -> None:
        for k, v in held:
            for q, k_SD, v_SD in zip(q_BGRD[0], k[0], v[0], strict=True):
                torch.softmax(q @ k_SD.T * dim**-0.5, -1) @ v_SD

    def batched() -> None:
        for k, v in held:
            torch.softmax(q_BGRD @ k.mT * dim**-0.5, -1) @ v

    nbytes = sum(x.nbytes for x in held)
    named = {"fused kernel": fused, "a product for each head": singly, "batches of products": batched}
    return {f"attention, {name}": (run, nbytes) for name, run in named.items()}


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
    network = plain(model).network
    ways: dict[str, Callable[[torch.Tensor], Callable[[torch.Tensor], object]]] = {
        "PyTorch": lambda weight: partial(F.linear, weight=weight),
        "longspan": Product,
    }
    if network.dtype == torch.float32 and multiplies_half():
        ways["16 bits"] = Half
    with torch.inference_mode():
        alone, fused = list[torch.Tensor](), list[torch.Tensor]()
        for layer in network.get_decoder().layers:
            named = {
                name.rpartition(".")[2]: part.weight for name, part in layer.named_modules() if hasattr(part, "weight")
            }
            alone += [named[name] for group in FUSED for name in group]
            fused += [torch.cat([named[name] for name in group]) for group in FUSED]
        head = [network.get_output_embeddings().weight]
        for name, weights in {"projections": alone, "projections, fused": fused, "head": head}.items():
            for said, layer in ways.items():
                took = 1e3 * seconds(products(weights, layer))
                size = sum(2 * w.numel() if layer is Half else w.nbytes for w in weights)
                by = f"{len(weights):4} by {said:8}"
                print(f"{name:20} {by}{took:6.2f} ms, {size / took / 1e6:5.1f} GB/s")
        for name, (run, size) in attentions(model, asked.stored).items():
            took = 1e3 * seconds(run)
            print(f"{name:36}{took:6.2f} ms, {size / took / 1e6:5.1f} GB/s")


if __name__ == "__main__":
    main()
