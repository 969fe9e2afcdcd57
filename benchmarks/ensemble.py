"""Which of ten secret numbers does a text name: the whole text in one prompt, or a vote over windows of it?

    python benchmarks/ensemble.py                     # SmolLM2, 4,500 words of Python's reference in 4 windows
    python benchmarks/ensemble.py --words 9000 --method positions=rerope:window=4096

Each case hides one sentence with a number at another depth of other real text and asks how likely each of ten numbers
is as the reply. One prompt holds the whole text; the ensemble asks its windows and adds up what they say. Guessing
scores 10 %.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from itertools import pairwise
from random import Random

from longspan.evals.haystack import library
from longspan.evals.statistics import interval
from longspan.evals.words import distinct, number, pair
from longspan.lm.ensemble import vote
from longspan.lm.lm import Message
from longspan.lm.local import Local
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model

CHOICES = 10


def windows(words: int, count: int, key: str, value: str, depth: float, start: int) -> list[str]:
    """A text with one needle, cut at sentences into windows of about as many words each."""
    sentences = library().take(start, words)
    sentences.insert(int(depth * len(sentences)), f"The secret number of {key} is {value}.")
    cuts = [len(sentences) * index // count for index in range(count + 1)]
    return [" ".join(sentences[first:end]) for first, end in pairwise(cuts)]


def asked(text: str, key: str) -> list[Message]:
    question = f"\n\nWhat is the secret number of {key} that the text above mentions?"
    return [Message("user", text + question), Message("assistant", f"The secret number of {key} is")]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--method", default="", help="how the one prompt is read; windows are read as trained")
    parser.add_argument("--words", type=int, default=4500)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--cases", type=int, default=10)
    own = parser.parse_args()
    model = Model.load(ensure(own.model))
    plain = Local(model)
    whole = Local(model, method=Method.parse(own.method), window=1 << 20)
    print(model.describe())
    right: dict[str, list[float]] = {"one prompt": [], "ensemble": []}
    seconds = dict.fromkeys(right, 0.0)
    for case in range(own.cases):
        random = Random(case)
        key, values = pair(random), distinct(random, number, CHOICES)
        depth = (case + 0.5) / own.cases
        parts = windows(own.words, own.windows, key, values[0], depth, 300 * case)
        replies = [f" {value}" for value in sorted(values)]
        prompts = {"one prompt": [asked(" ".join(parts), key)], "ensemble": [asked(part, key) for part in parts]}
        for name, several in prompts.items():
            began = time.perf_counter()
            said = await vote(whole if name == "one prompt" else plain, several, replies)
            seconds[name] += time.perf_counter() - began
            right[name].append(float(said.reply == f" {values[0]}"))
        tokens = plain.count(prompts["one prompt"][0])
        print(f"case {case}: {tokens:,} tokens, depth {depth:.2f}: {[name for name, got in right.items() if got[-1]]}")
    for name, got in right.items():
        low, high = (100 * bound for bound in (interval(got).low, interval(got).high))
        share = 100 * sum(got) / len(got)
        print(f"{name:12} {share:3.0f} % ({low:.0f}-{high:.0f}) right, {seconds[name] / len(got):.1f} s a case")


if __name__ == "__main__":
    asyncio.run(main())
