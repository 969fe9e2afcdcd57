"""What it costs to keep fewer bytes: needles, key-value pairs and perplexity, bytes and time, method by method.

    python benchmarks/memory.py quality --model smollm2 --length 4096 --out memory-smollm2.jsonl
    python benchmarks/memory.py cost --model smollm2 --length 4096 --out memory-smollm2.jsonl
    python benchmarks/memory.py families --model qwen2.5-coder-0.5b --length 8192 --out memory-qwen.jsonl
    python benchmarks/memory_report.py memory-smollm2.jsonl --length 4096 # all that was found, as Markdown

A method that decides at the end of a prompt is given what one dense session has read, and only its last tokens are read
again for it (`Session.fork`): its store holds then what it would hold had it read all of the text itself. One that
learns from all queries reads the text once with room for all of it, and every question goes on from there. Methods that
change how a prompt is read read every text themselves. A question comes either
after the text was compressed (agnostic) or before (aware). An answer is right where greedy decoding writes all of it;
the table has the loss on a token of the answers in brackets, for a small model is seldom right and may still be near.
What was found is kept in the file: the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from found import Found
from ways import Way, every

from longspan.core.types import NotRewindable
from longspan.evals.ask import Ask
from longspan.evals.catalog import find
from longspan.evals.extension.questions import Needle, Reading, readings
from longspan.evals.haystack import library
from longspan.evals.suites import expand
from longspan.evals.task import Sample
from longspan.evals.tasks.key_value import KeyValue
from longspan.kv.eviction import Eviction
from longspan.kv.reuse.snapshot import Snapshot
from longspan.kv.score import ALL
from longspan.models import ensure
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session
from longspan.plan.machine import held_memory, peak_memory

AGAIN = 128
"""Tokens that a forked session reads anew: more than any score looks back."""
CONTINUED = 256
"""Tokens of a text's continuation whose perplexity counts."""


def pairs(model: Model, length: int, documents: int, needles: int) -> list[Reading]:
    """JSON objects of random ids, and questions for the values of some keys, as readings."""
    made = []
    for index in range(documents):
        ask = Ask("memory/key_value", "", length, index, 0, lambda text, start="": len(_chat(model, text, start)))
        sample = KeyValue().make(ask)
        held, asked = list(json.loads(sample.context).items()), re.findall(r'Key: "(\S+)"', sample.after)[-1]
        count = len(range(index, needles, documents))
        spots = [round((number + 0.5) / count * (len(held) - 1)) for number in range(count)]
        questions, head = [], list[int]()
        for number, spot in enumerate(spots):
            key, value = held[spot]
            said = ("user", sample.before + sample.context, sample.after.replace(asked, key))
            head, tail = model.chat_apart([said, ("assistant", "", sample.start)])
            # as the object writes it, so that the tokens are those it has
            answer = model.encode(f' "{value}')
            questions.append(Needle(number, spot / len(held), (*tail, *answer), len(answer)))
        made.append(Reading(length, index, tuple(head), 1, tuple(questions)))
    return made


def _chat(model: Model, prompt: str, start: str) -> list[int]:
    return model.chat([("user", prompt), *([("assistant", start)] if start else [])])


class Text:
    """A text that is read once densely, and handed on to every method."""

    def __init__(self, model: Model, tokens: tuple[int, ...]) -> None:
        self._model, self._tokens = model, list(tokens)
        self._common, self._learned = len(tokens) - AGAIN, dict[str, Snapshot]()
        self._full = model.open(length=len(tokens) + 2 * AGAIN).__enter__()
        self._full.prefill([tokens])

    def close(self) -> None:
        self._full.close()

    @contextmanager
    def asked(self, question: tuple[int, ...]) -> Iterator[None]:
        """The text with a question behind it, as long as the block lasts; both ends are read in one call."""
        before, self._tokens = self._tokens, [*self._tokens, *question]
        self._full.rewind(AGAIN)
        self._full.prefill([self._tokens[-AGAIN - len(question) :]])
        yield
        self._full.rewind(len(question))
        self._tokens = before

    def opened(self, way: Way, method: str) -> Session:
        """A session that has compressed the text."""
        parsed = Method.parse(method)
        learns = isinstance(parsed.kv, Eviction) and parsed.kv.score.window == ALL
        if not way.rereads and not learns:
            return self._full.fork(kv=parsed.kv, again=AGAIN)
        session = self._opened(parsed)
        if learns:
            session.restore(self._seen(parsed).copy())
        session.prefill([self._tokens[sum(session.tokens) :]])
        return session

    def _seen(self, method: Method) -> Snapshot:
        """All but the end of the text, nothing evicted, and what the method's score learned from its queries."""
        roomy = replace(method, kv=replace(method.kv, budget=2 * self._common))
        if (name := repr(roomy.kv)) not in self._learned:
            with closing(self._opened(roomy)) as session:
                session.prefill([self._tokens[: self._common]])
                self._learned[name] = session.save().copy()
        return self._learned[name]

    def _opened(self, method: Method) -> Session:
        return self._model.open(method, length=len(self._tokens) + 2 * AGAIN).__enter__()


def expected(session: Session, tokens: tuple[int, ...], scored: int, *, single: bool) -> tuple[float, bool]:
    """Mean loss on the last tokens, the first of all not among them, and whether greedy decoding writes these."""
    read = torch.tensor([tokens[:-1]])
    parts = read.split(1, 1) if single else [read]
    logits_TV = torch.cat([session.decode(part)[0] for part in parts])[-scored:]
    target_T = torch.tensor(tokens[-scored:])
    loss = float(torch.nn.functional.cross_entropy(logits_TV, target_T))
    return loss, logits_TV.argmax(-1).equal(target_T)


def agnostic(text: Text, way: Way, method: str, reading: Reading, following: tuple[int, ...]) -> dict[str, Any]:
    """Bytes of the compressed text, what it expects to follow, and its needles asked for one after the other."""
    found: dict[str, Any] = {"right": [], "losses": []}
    session = text.opened(way, method)
    found["nbytes"] = session.nbytes()
    try:
        for needle in reading.needles:
            loss, right = expected(session, needle.tokens, needle.scored, single=way.single)
            found["right"].append(right)
            found["losses"].append(loss)
            try:
                session.rewind(len(needle.tokens) - 1)
            except NotRewindable:
                session.close()
                session = text.opened(way, method)
        if len(following) > 1:
            found["loss"] = expected(session, following, len(following) - 1, single=way.single)[0]
    finally:
        session.close()
    return found


def aware(text: Text, way: Way, method: str, tail: tuple[int, ...], scored: int) -> dict[str, Any]:
    """A needle whose question, but for its last token, is read before the text is compressed."""
    with closing(text.opened(way, method)) as session:
        loss, right = expected(session, tail, scored, single=way.single)
        return {"right": [right], "losses": [loss]}


def quality(
    model: Model,
    found: Found,
    compared: list[tuple[str, Way, str]],
    size: tuple[int, int, int],
    when: tuple[str, ...],
    tasks: tuple[str, ...],
) -> None:
    """Everything about answers and bytes; `size` is the length of a text, how many of them, and questions over all."""
    length, documents, needles = size
    make = {
        "needle": lambda: readings(model, library(), [length], documents, needles),
        "key_value": lambda: pairs(model, length, documents, needles),
    }
    for task, reading in ((kind, made) for kind in tasks for made in make[kind]()):
        cut = len(reading.tokens) - (reading.scored if task == "needle" else 0)
        following = reading.tokens[cut : cut + CONTINUED + 1]
        with closing(Text(model, reading.tokens[:cut])) as text:
            for label, way, method in compared if "agnostic" in when else ():
                key = f"quality {task} agnostic {reading.number} {label}"
                _once(found, key, partial(agnostic, text, way, method, reading, following))
            for needle in reading.needles if "aware" in when else ():
                at = len(needle.tokens) - needle.scored - 1
                question, tail = needle.tokens[:at], needle.tokens[at:]
                with text.asked(question):
                    for label, way, method in compared:
                        if way.aware or way.name == "full":
                            key = f"quality {task} aware {reading.number}.{needle.number} {label}"
                            _once(found, key, partial(aware, text, way, method, tail, needle.scored))


def _once(found: Found, key: str, run: Callable[[], dict[str, Any]]) -> None:
    """Run and keep what was not run before."""
    if key not in found:
        value = run()
        found.put(key, value)
        print(f"{key}: {sum(value['right'])} of {len(value['right'])}", flush=True)


def reply(model: Model, session: Session, question: list[int], most: int) -> str:
    """A reply of so many tokens at most by greedy decoding."""
    said: list[int] = []
    logits_V = session.decode(torch.tensor([question]))[0, -1]
    while len(said) < most and (token := int(logits_V.argmax())) not in model.ends:
        said.append(token)
        logits_V = session.decode(torch.tensor([[token]]))[0, -1]
    return model.decode(said)


def families(model: Model, found: Found, length: int, samples: range, ways: list[str]) -> None:
    """RULER's tasks, the question asked after the text was compressed, with the methods named."""
    for task in expand("ruler"):
        made = find(task)
        for index in samples:
            ask = Ask(task, repr(made), length, index, 0, lambda text, start="": len(_chat(model, text, start)))
            sample: Sample = made.make(ask)
            messages = [("user", sample.before + sample.context, sample.after)]
            head, tail = model.chat_apart([*messages, *([("assistant", "", sample.start)] if sample.start else [])])
            missing = [way for way in ways if f"family {task} {index} {way}" not in found]
            if not missing:
                continue
            with closing(Text(model, tuple(head))) as text:
                for method in missing:
                    with closing(text.opened(Way(method, method), method)) as session:
                        nbytes, said = session.nbytes(), reply(model, session, tail, sample.max_tokens)
                    score = made.rule.grade(said, sample)
                    found.put(f"family {task} {index} {method}", {"score": score, "nbytes": nbytes, "said": said})
                    print(task, index, method, score, flush=True)


def cost(name: str, dtype: str, found: Found, length: int, only: list[str]) -> None:
    """Seconds and peak memory of every method, each in a process of its own."""
    for label, _, method in every(length):
        if not any(name in label for name in only or [""]) or f"cost {label}" in found:
            continue
        command = [sys.executable, __file__, "one", "--model", name, "--dtype", dtype, "--length", str(length)]
        done = subprocess.run([*command, "--method", method], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{label}: {done.stderr}")
        found.put(f"cost {label}", json.loads(done.stdout))
        print(label, done.stdout.strip(), flush=True)


def one(model: Model, length: int, method: str) -> dict[str, float]:
    """Prefill, 32 decoded tokens, bytes, and the most memory that reading and writing took beside the loaded model.

    The full store, `times` of which the method reaches, reads the same text right after it, and both write by turns.
    """
    (reading,) = readings(model, library(), [length], 1)
    loaded = settled()
    own = _Writer(model, length, method, reading.tokens)
    own.step()
    peak, nbytes = peak_memory() - loaded, own.session.nbytes()
    full = _Writer(model, length, "", reading.tokens)
    for _ in range(32):
        full.step()
        own.step()
    return {
        "prefill_tok_s": len(reading.tokens) / own.prefill,
        "decode_tok_s": 1 / statistics.median(own.steps),
        "prefill_times": full.prefill / own.prefill,
        "decode_times": statistics.median(there / here for there, here in zip(full.steps, own.steps[1:], strict=True)),
        "nbytes": nbytes,
        "peak": peak,
    }


class _Writer:
    """A session that has read a text and goes on by greedy decoding, timed."""

    def __init__(self, model: Model, length: int, method: str, tokens: tuple[int, ...]) -> None:
        self.session = model.open(Method.parse(method), length=length + 64).__enter__()
        began = time.perf_counter()
        self._logits_BV = self.session.prefill([tokens])
        self.prefill, self.steps = time.perf_counter() - began, list[float]()

    def step(self) -> None:
        """Write one token."""
        began = time.perf_counter()
        self._logits_BV = self.session.decode(self._logits_BV.argmax(-1, keepdim=True))[:, -1]
        self.steps.append(time.perf_counter() - began)


def settled() -> int:
    """Bytes that the process holds with all that is free given back; the high-water mark starts from here (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return held_memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("quality", "families", "cost", "one"))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--documents", type=int, default=4, help="texts of each kind")
    parser.add_argument("--needles", type=int, default=20, help="questions of each kind, over all texts")
    parser.add_argument("--samples", type=int, default=2, help="of each family")
    parser.add_argument("--skip", type=int, default=0, help="of these samples, the first")
    parser.add_argument("--method", action="append", default=[], help="of families: a method string")
    parser.add_argument("--when", choices=("agnostic", "aware", "both"), default="both", help="of quality")
    parser.add_argument("--task", choices=("needle", "key_value", "both"), default="both", help="of quality")
    parser.add_argument("--only", action="append", default=[], help="methods whose name has this in it")
    parser.add_argument("--out", type=Path, default=Path("memory.jsonl"), help="what was found")
    asked = parser.parse_args()
    found = Found(asked.out)
    if asked.part == "cost":
        return cost(asked.model, asked.dtype, found, asked.length, asked.only)
    model = Model.load(ensure(asked.model), dtype=asked.dtype)
    if asked.part == "one":
        return print(json.dumps(one(model, asked.length, "".join(asked.method))))
    if asked.part == "families":
        return families(model, found, asked.length, range(asked.skip, asked.samples), ["", *asked.method])
    compared = [each for each in every(asked.length) if any(name in each[0] for name in asked.only or [""])]
    when = ("agnostic", "aware") if asked.when == "both" else (asked.when,)
    tasks = ("needle", "key_value") if asked.task == "both" else (asked.task,)
    return quality(model, found, compared, (asked.length, asked.documents, asked.needles), when, tasks)


if __name__ == "__main__":
    main()
