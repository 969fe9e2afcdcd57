"""What ways of reading long passages find: one planted fact in each of 20 passages, the right passage first or not.

    python benchmarks/embedders.py                    # MiniLM, passages of 512 to 4,096 tokens of Python's reference
    python benchmarks/embedders.py --methods "embed=grouped;embed=parallel:window=128" --lengths 1024

Every passage holds a fact of its own in its second half, at another place in each. Each of the 20 questions asks for
one; a method scores where the nearest vector is that of the passage with the fact. Guessing scores 5 %. The last row
does not read long passages at all: they are cut to 100 words, as `longspan ask` does, and the best piece counts.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from pydoc_data.topics import topics
from random import Random

import numpy as np
import torch
import transformers

from longspan.models import ensure
from longspan.models.encoder import SentenceEncoder
from longspan.models.encoding import Encoding
from longspan.retrieval.passage import passages

METHODS = ["embed=parallel", "embed=parallel:window=512", "embed=interpolated", "embed=grouped", "embed=recurrent"]
PIECES = "pieces of 100 words, the best one"
KEEPERS = """
    heron otter badger lynx falcon beaver walrus gecko ferret magpie
    camel lobster parrot donkey spider salmon hamster pelican leopard tortoise
"""
NAMES = KEEPERS.split()


def fact(animal: str, random: Random) -> str:
    return f" The {animal} keeper's locker opens with the number {random.randrange(1000, 9999)}. "


def planted(tokenizer: transformers.PreTrainedTokenizerBase, length: int, seed: int) -> list[str]:
    """A passage of `length` tokens, the two around it included, for each animal."""
    text = "\n\n".join(topics[name] for name in sorted(topics))
    starts = [start for start, _ in tokenizer(text, return_offsets_mapping=True, verbose=False)["offset_mapping"][1:-1]]
    random, found = Random(seed), []
    for number, animal in enumerate(NAMES):
        needle = fact(animal, random)
        room = length - 2 - len(tokenizer.encode(needle, add_special_tokens=False))
        first = number * (len(starts) // len(NAMES))
        place = first + random.randrange(room // 2, room)
        found.append(text[starts[first] : starts[place]] + needle + text[starts[place] : starts[first + room]])
    return found


def scores(encoder: SentenceEncoder, documents: Sequence[str], questions: np.ndarray, *, pieces: bool) -> np.ndarray:
    """How near every document is to every question, [questions, documents]."""
    if not pieces:
        return questions @ encoder.encode(documents).T
    parts = [[passage.of(text) for passage in passages(text)] for text in documents]
    vectors = encoder.encode([part for each in parts for part in each])
    ends = np.cumsum([len(each) for each in parts])[:-1]
    return np.stack([near.max(1) for near in np.split(questions @ vectors.T, ends, axis=1)], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm", help="a known encoder")
    parser.add_argument("--methods", default=";".join(METHODS), help="ways to read, joined by semicolons")
    parser.add_argument("--lengths", default="512,1024,2048,4096", help="tokens of a passage, joined by commas")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder, lengths = ensure(options.model), [int(length) for length in options.lengths.split(",")]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    asked = [f"Which number opens the {animal} keeper's locker?" for animal in NAMES]
    print(
        f"{folder.name}; {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}; right passage first of {len(NAMES)}, seconds to encode"
    )
    print(f"{'':36}" + "".join(f"{length:>16,}" for length in lengths))
    for method in [*options.methods.split(";"), PIECES]:
        encoder = SentenceEncoder(folder, Encoding.parse("" if method == PIECES else method))
        questions, cells = encoder.encode(asked), []
        for length in lengths:
            documents = planted(tokenizer, length, options.seed)
            began = time.perf_counter()
            near = scores(encoder, documents, questions, pieces=method == PIECES)
            right = int((near.argmax(1) == np.arange(len(NAMES))).sum())
            cells.append(f"{right / len(NAMES):>8.0%}{time.perf_counter() - began:>6.1f} s")
        print(f"{method:36}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
