"""What blending gains and costs: the time to read a prompt made of passages that were read before, and how far off
the model is afterwards, by share of tokens read again, in one run.

    python benchmarks/blend.py                    # SmolLM2, 8 passages of 512 tokens of Python's reference
    python benchmarks/blend.py --model qwen2.5-coder-0.5b --passages 16

The passages stand in another order than in the text they are from, behind an opening and before a part that was not
read. Off is the mean Kullback-Leibler divergence from the whole prompt's next-token distributions, over the tokens
that follow in the text.
"""

from __future__ import annotations

import argparse
import platform
import random
import time

import torch
from torch.nn import functional

from longspan.kv.reuse.blend import CacheBlend
from longspan.models import ensure
from longspan.models.model import Model
from longspan.models.session import Session

SHARES = (0.0, 0.05, 0.15, 0.3, 0.6, 1.0)
ASKED, FOLLOWING = 64, 128
"""Tokens that come behind the passages, and those that are looked at behind these."""


def text(model: Model, tokens: int) -> list[int]:
    """Real text: this Python's own reference."""
    from pydoc_data.topics import topics

    return model.encode("\n\n".join(topics[name] for name in sorted(topics)))[:tokens]


def after(session: Session, logits_BV: torch.Tensor, following: list[int]) -> torch.Tensor:
    """Log-probabilities [T, V] after a prompt and each of the tokens that follow it."""
    logits_BTV = torch.cat([logits_BV[:, None], session.decode(torch.tensor([following]))], 1)
    return functional.log_softmax(logits_BTV[0], -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a known model, a directory or a GGUF file")
    parser.add_argument("--passages", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=512, help="tokens of a passage")
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    model = Model.load(ensure(given.model), dtype=given.dtype)
    print(f"{model.describe()}; {platform.machine()}, torch {torch.__version__}")
    stored = given.passages * given.tokens
    tokens = text(model, stored + ASKED + FOLLOWING)
    cut = [tokens[start : start + given.tokens] for start in range(0, stored, given.tokens)]
    random.Random(0).shuffle(cut)
    opening, asked, following = model.encode("Text:\n\n"), tokens[stored : stored + ASKED], tokens[-FOLLOWING:]
    passages = []
    for passage in cut:
        with model.open() as session:
            session.prefill([passage])
            passages.append(session.save())
    length = len(opening) + len(tokens)
    whole = [*opening, *(token for passage in cut for token in passage), *asked]
    with model.open(length=length) as session:
        began = time.perf_counter()
        logits_BV = session.prefill([whole])
        seconds = time.perf_counter() - began
        want = after(session, logits_BV, following)
    print(f"{'share':>8} {'seconds':>9} {'of whole':>9} {'off':>9}\n{'whole':>8} {seconds:9.2f} {1:9.2f} {0:9.4f}")
    for share in SHARES:
        with model.open(length=length) as session:
            began = time.perf_counter()
            logits_BV = session.blend([opening, *passages, asked], CacheBlend(share=share))
            took = time.perf_counter() - began
            got = after(session, logits_BV, following)
        off = float((want.exp() * (want - got)).sum(-1).mean())
        print(f"{share:8.2f} {took:9.2f} {took / seconds:9.2f} {off:9.4f}")


if __name__ == "__main__":
    main()
