"""What drafters gain: tokens a second with and without each, on one document, in one run.

    python benchmarks/speculative.py                    # SmolLM2 repeats the end of 8,000 tokens of Python's reference
    python benchmarks/speculative.py --task summarise --model qwen2.5-coder-0.5b --tokens 16000

The document is read once; then each drafter writes the same reply from there, interleaved, A B A B. Writing is timed,
the last 64 tokens of the prompt and all that the draft reads and takes over included. Every reply must be that of the
model alone, token for token. Half precision can break ties between tokens differently in passes over one and over
several tokens, hence --dtype float32.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time

import torch

from longspan.core.types import Drafter
from longspan.decode.generate import Generation, Limits
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session

METHODS = [
    "",
    "draft=prompt_lookup",
    "draft=self_draft:budget=512",
    "draft=self_draft:kv=streaming_llm,budget=512",
    "draft=triforce:budget=1024",
]
QUESTION = 64
"""Last tokens of the prompt, read anew for each reply."""
TASKS = {
    "repeat": "Repeat the last part of the text word for word:",
    "summarise": "Write a summary of the text:",
}


def prompt(model: Model, task: str, tokens: int) -> list[int]:
    """Real text, this Python's own reference, then what to do with it; the reply to `repeat` has begun."""
    from pydoc_data.topics import topics

    text = model.encode("\n\n".join(topics[name] for name in sorted(topics)))
    before, after = model.encode("Text:\n\n"), model.encode(f"\n\n{TASKS[task]}\n\n")
    room = tokens - len(before) - len(after) - 32
    end = text[room - 512 : room - 480] if task == "repeat" else []
    return [*before, *text[:room], *after, *end]


def write(
    session: Session, model: Model, drafter: Drafter, asked: list[int], most: int
) -> tuple[float, list[int], float]:
    """Seconds of writing, the reply's tokens, and the share of guesses that held; the session is as it was after."""
    held = session.tokens[0]
    began = time.perf_counter()
    draft = drafter.open(session)
    generation = Generation(session, model.decode, limits=Limits(most), draft=draft)
    for _ in generation.run([asked[held:]], before=asked[:held]):
        pass
    seconds = time.perf_counter() - began
    session.rewind(session.tokens[0] - held)
    if draft is not None:
        draft.close()
    guesses = generation.guesses
    return seconds, generation.replies[0].tokens, guesses.kept / max(1, guesses.guessed) if guesses else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a known model, a directory or a GGUF file")
    parser.add_argument("--task", choices=list(TASKS), default="repeat")
    parser.add_argument("--tokens", type=int, default=8000, help="tokens of the prompt")
    parser.add_argument("--write", type=int, default=64, help="tokens of the reply")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--methods", default=";".join(METHODS), help="method strings, joined by semicolons")
    options = parser.parse_args()
    model = Model.load(ensure(options.model), dtype=options.dtype)
    print(f"{model.describe()}; {platform.processor() or platform.machine()}; torch {torch.__version__}")
    asked, methods = prompt(model, options.task, options.tokens), options.methods.split(";")
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    replies: dict[str, list[int]] = {}
    with model.open(length=len(asked) + options.write) as session:
        session.prefill([asked[:-QUESTION]])
        for method in methods * options.repeats:
            drafter = Method.parse(method).draft
            spent, replies[method], kept = write(session, model, drafter, asked, options.write)
            seconds[method].append(spent)
            middle = statistics.median(seconds[method])
            same = "the same text" if replies[method] == replies[methods[0]] else "ANOTHER TEXT"
            speed, gain = len(replies[method]) / middle, statistics.median(seconds[methods[0]]) / middle
            print(f"{method or 'model alone':48} {speed:6.1f} tok/s  x{gain:.2f}  accepted {kept:.0%}  {same}")
    print(model.decode(replies[methods[0]]))
    if any(reply != replies[methods[0]] for reply in replies.values()):
        raise SystemExit("a reply differs from that of the model alone")


if __name__ == "__main__":
    main()
