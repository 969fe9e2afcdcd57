"""transformers' own way to read and write: what our speed is compared with.

It imports nothing of longspan, so that an interpreter with another transformers, and kvpress, can run this file: it
answers a JSON line with a JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import torch
from transformers import DynamicCache


class Reference:
    """A network with transformers' attention and its growing cache; `press` is what kvpress does to a prompt."""

    def __init__(self, network: Any, press: Any = None) -> None:
        self.network = network
        self.press = press
        self.clear()

    def clear(self) -> None:
        """Forget everything that was read."""
        self.cache: Any = DynamicCache(config=self.network.config)
        self.tokens = 0

    @torch.inference_mode()
    def read(self, prompt: list[int]) -> torch.Tensor:
        """Read a whole prompt in one pass: the next token's logits [1, V] in float32."""
        ids = torch.tensor([prompt], device=self.network.device)
        with self.press(self.network) if self.press else nullcontext():
            logits = self.network(ids, past_key_values=self.cache, logits_to_keep=1).logits
        self.tokens = len(prompt)
        return logits[:, -1].float()

    @torch.inference_mode()
    def step(self, token: int) -> torch.Tensor:
        """Append a token: the next one's logits [1, V] in float32."""
        device = self.network.device
        ids, pos = torch.tensor([[token]], device=device), torch.tensor([[self.tokens]], device=device)
        logits = self.network(ids, position_ids=pos, past_key_values=self.cache, logits_to_keep=1).logits
        self.tokens += 1
        return logits[:, -1].float()

    def nbytes(self) -> int:
        """Bytes of stored keys and values."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers if layer.keys is not None)


def timed(side: Any, prompt: list[int], steps: int) -> dict[str, Any]:
    """Read a prompt and write some tokens, the likeliest each: seconds of reading and of every token, bytes held."""
    side.clear()
    began = time.perf_counter()
    token = int(side.read(prompt).argmax())
    marks = [time.perf_counter()]
    for _ in range(steps):
        token = int(side.step(token).argmax())
        marks.append(time.perf_counter())
    result = {
        "read": marks[0] - began,
        "steps": gaps(marks),
        "stored_bytes": side.nbytes(),
    }
    side.clear()
    return result


def gaps(marks: list[float]) -> list[float]:
    """Seconds between one mark and the next."""
    return [late - early for early, late in pairwise(marks)]


def main() -> None:
    """Load what the first line names, then time what each line asks."""
    import kvpress
    import transformers

    wanted = json.loads(sys.stdin.readline())
    torch.set_num_threads(wanted["threads"])
    network = transformers.AutoModelForCausalLM.from_pretrained(
        wanted["folder"], dtype=getattr(torch, wanted["dtype"]), attn_implementation="sdpa"
    )
    press = getattr(kvpress, wanted["press"])(compression_ratio=wanted["ratio"])
    side = Reference(network.to(wanted["device"]).eval(), press)
    _say({"transformers": transformers.__version__, "torch": torch.__version__})
    for line in sys.stdin:
        asked = json.loads(line)
        _say(timed(side, asked["prompt"], asked["steps"]))


def _say(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
