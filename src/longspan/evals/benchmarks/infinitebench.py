"""InfiniteBench: twelve tasks of about 100,000 tokens and more, from its official files.

Files: `NAME.jsonl` (`passkey.jsonl`, ...), in the folder or its `data/`; with `src/prompt.py` of its repository
beside them, the official prompts are used: those for GPT-4. A record of its prediction files is
`{"id", "prediction", "ground_truth"}`, or `{"id", "pred", "label"}`. Predictions of GPT-4 for Math.Calc are scored by
the task `infinitebench/math_calc_gpt4`, for the official rule depends on the model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, our_prompts, pieces, rows, texts
from longspan.evals.metrics import infinitebench as rules
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

PROMPTS, TEMPLATES, LARGEST = "src/prompt.py", "gpt4_templates", 1_000_000
LETTERS = "ABCD"
CHOSEN = ("code_debug", "longbook_choice_eng")


@dataclass(frozen=True, slots=True)
class Source:
    """One of the twelve data sets."""

    rule: Rule
    kind: type | tuple[type, ...]
    """What a reference is, outside a list of one."""
    tokens: int
    about: str
    ability: Ability = "retrieval"
    scope: Level = "low"
    diffusion: Level = "low"


SOURCES = {
    "passkey": Source(rules.PASSKEY, str, 6, "tell a number hidden in repeated sentences"),
    "number_string": Source(rules.PASSKEY, str, 12, "tell a number of repeated digits hidden in sentences"),
    "kv_retrieval": Source(rules.KV, str, 50, "tell the value of a key among 2,500", diffusion="high"),
    "longbook_sum_eng": Source(rules.SUMMARY, list, 1200, "summarize a novel", "aggregation", "high"),
    "longbook_qa_eng": Source(rules.ANSWER, list, 40, "answer a question about a novel", "understanding"),
    "longbook_choice_eng": Source(
        rules.CHOICE, list, 40, "choose the answer to a question about a novel", "understanding"
    ),
    "longbook_qa_chn": Source(
        rules.ANSWER_CHINESE, list, 40, "answer a question about a Chinese novel", "understanding"
    ),
    "longdialogue_qa_eng": Source(
        rules.DIALOGUE, list, 40, "name a character who is masked once in a film script", "reasoning"
    ),
    "math_find": Source(
        rules.FIND, (int, float), 3, "find the largest, smallest or middle number in a list", "aggregation", "high"
    ),
    "math_calc": Source(
        rules.CALCULATE, list, 30000, "calculate every value on the way through a long sum", "long generation", "high"
    ),
    "code_run": Source(rules.RUN, int, 5, "tell what a chain of functions returns", "tracing", diffusion="high"),
    "code_debug": Source(
        rules.DEBUG, list, 5, "choose the function with a planted error", "understanding", diffusion="high"
    ),
}


def load(task: str, name: str, folder: Path) -> Iterator[Sample]:
    """Samples of the file `name`.jsonl."""
    template, origin = _prompt(folder, name)
    for where, record in rows(folder, f"{name}.jsonl"):
        label = _answer(record, name, where)
        before, after = pieces(template, _values(record, where), context="{context}")
        yield Sample(
            task=task,
            id=f"{name}-{field(record, 'id', where)}",
            before=before,
            context=str(record["content"] if "content" in record else field(record, "context", where)),
            after=after,
            answers=texts(label),
            max_tokens=SOURCES[name].tokens,
            data={"label": label, "prompt": origin},
        )


def read(task: str, name: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """Reply and reference of a record of the official prediction files, under either of their pairs of names."""
    prediction = record["prediction"] if "prediction" in record else record["pred"]
    label = record["ground_truth"] if "ground_truth" in record else record["label"]
    if not isinstance(prediction, str):
        raise TypeError("`prediction` must be a text")
    _check(label, name)
    sample = Sample(
        task=task,
        id=f"{name}-{record['id']}",
        before="",
        context="",
        after="",
        answers=texts(label),
        max_tokens=0,
        data={"label": label},
    )
    return prediction, sample


def _check(label: Any, name: str) -> None:
    kind = SOURCES[name].kind
    alone = isinstance(label, list) and len(label) == 1 and kind is not list and name != "kv_retrieval"
    found = label[0] if alone else label
    if isinstance(found, bool) or not isinstance(found, kind) or found == []:
        raise TypeError(f"a reference of {name} cannot be {label!r:.80}")
    if kind is list and not all(isinstance(each, (int, list) if name == "math_calc" else str) for each in label):
        raise TypeError(f"a reference of {name} cannot be {label!r:.80}")
    if name in CHOSEN and (len(label) != 2 or label[1] not in LETTERS):
        raise ValueError(f"a reference of {name} is an answer and its letter, not {label!r:.80}")


def _answer(record: Mapping[str, Any], name: str, where: str) -> Any:
    """The reference as the official program writes it into its prediction files."""
    answer = field(record, "answer", where)
    try:
        label = _lettered(answer, list(record["options"])) if name in CHOSEN else _typed(answer, name)
        _check(label, name)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}: get the official file anew") from None
    return label


def _lettered(answer: Any, options: list[Any]) -> list[Any]:
    if isinstance(answer, list) and len(answer) == 2:
        return answer
    chosen = answer[0] if isinstance(answer, list) else answer
    return [chosen, LETTERS[options.index(chosen)]]


def _typed(answer: Any, name: str) -> Any:
    """Numbers as numbers: the hub's version of the files has some as texts, and single references in lists."""
    one = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    if name == "math_calc":
        return [int(number) for number in (one if isinstance(one, list) else answer)]
    if name in ("math_find", "code_run") and isinstance(one, str):
        return float(one) if "." in one else int(one)
    return answer if SOURCES[name].kind is list else one


def _values(record: Mapping[str, Any], where: str) -> dict[str, str]:
    """What stands for the marks of a prompt's template."""
    question = str(field(record, "input", where))
    call = re.search(r"func_[0-9]+\(-?[0-9]+\)", question)
    options = [str(option) for option in record.get("options") or []]
    return {
        "{input}": question,
        "{question}": question,
        "{func_call}": call[0] if call else "",
        "{func}": call[0].partition("(")[0] if call else "",
        **{f"{{OPTION_{letter}}}": option for letter, option in zip(LETTERS, options, strict=False)},
    }


def _prompt(folder: Path, name: str) -> tuple[str, str]:
    path = folder / PROMPTS
    if not path.is_file() or name == "math_find":  # a program makes half of that prompt
        return our_prompts("infinitebench")[name], "longspan"
    try:
        text = path.read_text(encoding="utf-8")[:LARGEST]
        found = {
            target.id: node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return str(ast.literal_eval(found[TEMPLATES])[name]), "official"
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise InputError(f"{path} has no {TEMPLATES} for {name} ({error}): get the official file anew") from None


def _task(task: str, name: str, rule: Rule) -> Published:
    source = SOURCES[name]
    card = Card(
        about=source.about,
        ability=source.ability,
        scope=source.scope,
        diffusion=source.diffusion,
        paper="https://arxiv.org/abs/2402.13718",
        source="OpenBMB/InfiniteBench",
        licence="MIT",
        tokens=source.tokens,
    )
    hub = "xinrongzhang2022/InfiniteBench"
    return Published(card, rule, partial(load, task, name), partial(read, task, name), "infinitebench", hub)


_OTHERS = {
    "math_calc_gpt4": ("math_calc", rules.CALCULATE_GPT4),
    "longdialogue_qa_eng_ours": ("longdialogue_qa_eng", rules.DIALOGUE_ANY),
    "code_debug_ours": ("code_debug", rules.DEBUG_FRONT),
}
_ALL = {name: (name, source.rule) for name, source in SOURCES.items()} | _OTHERS
TASKS = {f"infinitebench/{task}": _task(f"infinitebench/{task}", name, rule) for task, (name, rule) in _ALL.items()}
