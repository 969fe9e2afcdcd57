"""transformers' own way to read and write: what our speed is compared with.

It imports nothing of longspan, so that an interpreter with another transformers, and kvpress, can run this file: it
answers a JSON line with a JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
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
    def logits(self, tokens: list[int]) -> torch.Tensor:
        """Read tokens in one pass: the next one's logits [1, V] in float32."""
        device, end = self.network.device, self.tokens + len(tokens)
        ids, pos = torch.tensor([tokens], device=device), torch.arange(self.tokens, end, device=device)[None]
        out = self.network(ids, position_ids=pos, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.tokens = end
        last_1V: torch.Tensor = out.logits[:, -1].float()
        return last_1V

    def read(self, prompt: list[int]) -> int:
        """Read a whole prompt: the likeliest next token."""
        with self.press(self.network) if self.press else nullcontext():
            return int(self.logits(prompt).argmax())

    def write(self, token: int, steps: int) -> list[int]:
        """Append a token and all but the last of those that follow it, the likeliest each: these."""
        written = [token]
        for _ in range(steps):
            written.append(int(self.logits(written[-1:]).argmax()))
        return written[1:]

    def nbytes(self) -> int:
        """Bytes of stored keys and values."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers if layer.keys is not None)


def timed(side: Any, prompt: list[int], steps: int) -> dict[str, Any]:
    """Read a prompt and choose a first token, then write more: seconds of both, and bytes held at the end."""
    side.clear()
    began = time.perf_counter()
    token = side.read(prompt)
    first = time.perf_counter()
    side.write(token, steps)
    spent = {"read": first - began, "write": time.perf_counter() - first, "stored_bytes": side.nbytes()}
    side.clear()
    return spent


def main() -> None:
    """Load what the first line names, then time what each line asks; standard output carries answers only."""
    answers, sys.stdout = sys.stdout, sys.stderr
    import kvpress
    import transformers

    def say(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    wanted = json.loads(sys.stdin.readline())
    torch.set_num_threads(wanted["threads"])
    network: Any = transformers.AutoModelForCausalLM.from_pretrained(
        wanted["folder"], dtype=getattr(torch, wanted["dtype"]), attn_implementation="sdpa"
    )
    press = getattr(kvpress, wanted["press"])(compression_ratio=wanted["share"])
    side = Reference(network.to(wanted["device"]).eval(), press)
    say({"transformers": transformers.__version__, "torch": torch.__version__})
    for line in sys.stdin:
        asked = json.loads(line)
        say(timed(side, asked["prompt"], asked["steps"]))


if __name__ == "__main__":
    main()
