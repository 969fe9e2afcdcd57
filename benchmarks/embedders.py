"""What ways of reading long passages find: 20 passages, twelve words of the second half of each, which is nearest?

    python benchmarks/embedders.py                    # MiniLM, passages of 512 to 4,096 tokens of Python's reference
    python benchmarks/embedders.py --methods "embed=grouped;embed=parallel:window=128" --lengths 1024

The question's words stand in the passage as they are, so the vector of the right passage should lie near. A method
scores where it is the nearest of all; guessing scores 5 %. The last two rows read no long passages: one cuts them off
after the encoder's window, the other cuts them to pieces of 100 words, as `longspan ask` does, and takes the best.
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
WORDS = 12
"""Of a question."""
CUT = "cut off at the window"
PIECES = "pieces of 100 words, the best one"
PASSAGES = 20


def planted(tokenizer: transformers.PreTrainedTokenizerBase, length: int, seed: int) -> tuple[list[str], list[str]]:
    """Passages of `length` tokens, the two around them included, and words of the second half of each."""
    text = "\n\n".join(topics[name] for name in sorted(topics))
    spans = tokenizer(text, return_offsets_mapping=True, verbose=False)["offset_mapping"][1:-1]
    random, found, asked = Random(seed), [], []
    for number in range(PASSAGES):
        first = number * (len(spans) // PASSAGES)
        passage = text[spans[first][0] : spans[first + length - 3][1]]
        words = passage[len(passage) // 2 :].split()[1:-1]
        at = random.randrange(len(words) - WORDS)
        found.append(passage)
        asked.append(" ".join(words[at : at + WORDS]))
    return found, asked


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
    window = transformers.AutoConfig.from_pretrained(folder).max_position_embeddings
    print(
        f"{folder.name}; {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}; right passage first of {PASSAGES}, seconds to encode"
    )
    print(f"{'':36}" + "".join(f"{length:>16,}" for length in lengths))
    for method in [*options.methods.split(";"), CUT, PIECES]:
        encoder = SentenceEncoder(folder, Encoding.parse("" if method in (CUT, PIECES) else method))
        cells = []
        for length in lengths:
            documents, asked = planted(tokenizer, length, options.seed)
            if method == CUT:
                documents = [document[: len(document) * window // length] for document in documents]
            questions = encoder.encode(asked)
            began = time.perf_counter()
            near = scores(encoder, documents, questions, pieces=method == PIECES)
            right = int((near.argmax(1) == np.arange(PASSAGES)).sum())
            cells.append(f"{right / PASSAGES:>8.0%}{time.perf_counter() - began:>6.1f} s")
        print(f"{method:36}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
