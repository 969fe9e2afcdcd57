"""The same prompts, budgets and weights with longspan and with kvpress: kept positions, needles, bytes and seconds.

    python -m venv kvpress-venv
    kvpress-venv/bin/pip install torch==2.13.0 "transformers<5.3" kvpress==0.5.0
    python benchmarks/against_kvpress.py --kvpress-python kvpress-venv/bin/python --model smollm2 --length 2048

The question comes after the text was compressed. kvpress runs in an interpreter of its own, because it needs an older
transformers. What it kept is read off the keys in its cache, which are copies of those of an uncompressed run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

PRESSES = {
    "streaming_llm": ("StreamingLLMPress", "kv=streaming_llm:budget={share}"),
    "snapkv": ("SnapKVPress", "kv=snapkv:budget={share}"),
    "tova": ("TOVAPress", "kv=tova:budget={share}"),
    "knorm": ("KnormPress", "kv=knorm:budget={share}"),
    "keydiff": ("KeyDiffPress", "kv=keydiff:budget={share}"),
    "expected_attention": ("ExpectedAttentionPress", "kv=expected_attention:budget={share}"),
    "pyramidkv": ("PyramidKVPress", "kv=snapkv:budget={share},split=pyramid"),
}
"""A method's press, and its string here."""
Found = dict[str, Any]


def their_side(task: Found) -> list[Found]:
    """What kvpress does with every press and text."""
    import kvpress
    from transformers import AutoModelForCausalLM, DynamicCache

    model = AutoModelForCausalLM.from_pretrained(task["folder"], dtype=getattr(torch, task["dtype"])).eval()
    torch.set_num_threads(task["threads"])
    found = []
    for text in task["texts"]:
        ids, whole = torch.tensor([text["tokens"]]), DynamicCache()
        with torch.inference_mode():
            model(ids, past_key_values=whole, logits_to_keep=1)
        for name, (press_name, _) in PRESSES.items():
            press, cache = getattr(kvpress, press_name)(compression_ratio=1 - task["share"]), DynamicCache()
            began = time.perf_counter()
            with torch.inference_mode(), press(model):
                model(ids, past_key_values=cache, logits_to_keep=1)
            seconds = time.perf_counter() - began
            layers = list(zip(cache.layers, whole.layers, strict=True))
            found.append(
                {
                    "name": name,
                    "seconds": seconds,
                    "nbytes": sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers),
                    "kept": [kept_of(small.keys[0], big.keys[0]) for small, big in layers],
                    "right": [their_answer(model, cache, needle, len(text["tokens"])) for needle in text["needles"]],
                }
            )
    return found


def kept_of(small_GKD: torch.Tensor, big_GSD: torch.Tensor) -> list[list[int]]:
    """Where each head's keys stand in an uncompressed run."""
    kept = []
    for small_KD, big_SD in zip(small_GKD, big_GSD, strict=True):
        places = {key.view(torch.uint8).numpy().tobytes(): at for at, key in enumerate(big_SD.contiguous())}
        kept.append(sorted(places[key.view(torch.uint8).numpy().tobytes()] for key in small_KD.contiguous()))
    return kept


@torch.inference_mode()
def their_answer(model: Any, cache: Any, needle: Found, length: int) -> bool:
    """Whether greedy decoding writes the value; the cache is left as it was."""
    before = [(layer.keys, layer.values) for layer in cache.layers]
    ids = torch.tensor([needle["tokens"][:-1]])
    positions = torch.arange(length, length + ids.shape[1])[None]
    logits = model(ids, past_key_values=cache, position_ids=positions).logits[0, -needle["scored"] :]
    for layer, (keys, values) in zip(cache.layers, before, strict=True):
        layer.keys, layer.values = keys, values
    return logits.argmax(-1).tolist() == needle["tokens"][-needle["scored"] :]


def our_side(task: Found, model: Any) -> list[Found]:
    """What longspan does with every method and text."""
    from longspan.models.method import Method

    found = []
    for text in task["texts"]:
        for name, (_, method) in PRESSES.items():
            parsed = Method.parse(method.format(share=task["share"]))
            with model.open(parsed, length=len(text["tokens"]) + 64) as session:
                began = time.perf_counter()
                session.prefill([text["tokens"]])
                seconds = time.perf_counter() - began
                stores = [session._stores[index] for index in sorted(session._stores)]
                parts = [list(store.read(torch.empty(0), torch.empty(0))) for store in stores]
                nbytes, right = session.nbytes(), []
                for needle in text["needles"]:
                    logits = session.decode(torch.tensor([needle["tokens"][:-1]]))[0, -needle["scored"] :]
                    right.append(logits.argmax(-1).tolist() == needle["tokens"][-needle["scored"] :])
                    session.rewind(len(needle["tokens"]) - 1)
            kept = [[sorted(head.tolist()) for part in layer for head in part.pos_BGS[0]] for layer in parts]
            found.append({"name": name, "seconds": seconds, "nbytes": nbytes, "kept": kept, "right": right})
    return found


def agreement(ours: Found, theirs: Found) -> float:
    """Share of the positions kept that both keep, over layers and heads."""
    shares = []
    for own, other in zip(ours["kept"], theirs["kept"], strict=True):
        for a, b in zip(own, other, strict=True):
            shares.append(len(set(a) & set(b)) / max(len(a), len(b)))
    return statistics.fmean(shares)


def task_for(model: Any, folder: Path, length: int, share: float, documents: int, needles: int) -> Found:
    """Texts and questions for both sides."""
    from longspan.evals.extension.questions import readings
    from longspan.evals.haystack import library

    texts = [
        {
            "tokens": list(reading.tokens[: -reading.scored]),
            "needles": [{"tokens": list(each.tokens), "scored": each.scored} for each in reading.needles],
        }
        for reading in readings(model, library(), [length], documents, needles)
    ]
    dtype = str(model.dtype).removeprefix("torch.")
    return {
        "folder": str(folder),
        "dtype": dtype,
        "share": share,
        "threads": torch.get_num_threads(),
        "texts": texts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvpress-python", help="an interpreter that has kvpress")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="auto", help="float32 tells ties of half precision from other differences")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--documents", type=int, default=4)
    parser.add_argument("--needles", type=int, default=20)
    parser.add_argument("--their-task", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.their_task:
        return print(json.dumps(their_side(json.loads(asked.their_task.read_text()))))
    if not asked.kvpress_python:
        parser.error("give --kvpress-python, an interpreter of an environment with kvpress (see above)")
    from longspan.models import ensure
    from longspan.models.model import Model

    folder = ensure(asked.model)
    model = Model.load(folder, dtype=asked.dtype)
    task = task_for(model, folder, asked.length, asked.share, asked.documents, asked.needles)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "task.json"
        path.write_text(json.dumps(task))
        done = subprocess.run(
            [asked.kvpress_python, __file__, "--their-task", str(path)], capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(done.stderr)
    theirs, ours = json.loads(done.stdout.splitlines()[-1]), our_side(task, model)
    print(f"{asked.model}, {asked.length:,} tokens, {asked.share:.0%} kept, {asked.documents} texts, {model.dtype}")
    print("| method | same positions | needles here | needles kvpress | bytes ratio | seconds ratio |")
    print("|---|---|---|---|---|---|")
    for name in PRESSES:
        mine, other = ([each for each in side if each["name"] == name] for side in (ours, theirs))
        same = statistics.fmean(agreement(a, b) for a, b in zip(mine, other, strict=True))
        sums = [
            [sum(sum(each["right"]) for each in side), sum(len(each["right"]) for each in side)]
            for side in (mine, other)
        ]
        ratios = [
            statistics.median(a[key] / b[key] for a, b in zip(mine, other, strict=True))
            for key in ("nbytes", "seconds")
        ]
        needles = " | ".join(f"{right}/{count}" for right, count in sums)
        print(f"| {name} | {same:.1%} | {needles} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
