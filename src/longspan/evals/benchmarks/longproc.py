"""LongProc: replies of 500 to 8,000 tokens that follow a procedure, scored by rule. https://arxiv.org/abs/2501.05414

A record of predictions is what LongProc's `load_longproc_data` gives, with the reply: `{"prediction": "...",
"reference_output": "...", "item": {...}}`; countdown needs `nums` and `target` of the item, travel planning
`ground_truth_cities` and `ground_truth_durations`.

Differs from the paper: the worked examples in countdown's prompt are the first two other records of the file, and those
of travel planning have our search, because the official ones are made by code. Code is not compiled and run but
compared by line. Partial scores of travel planning, which need the official search, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import json_list
from longspan.evals.data import official
from longspan.evals.metrics import longproc as rules
from longspan.evals.task import Card, Published, Rule, Sample
from longspan.evals.tasks.longproc.travel_planning import Trip

Record = Mapping[str, Any]
PAPER = "https://arxiv.org/abs/2501.05414"
TOKENS = {"0.5k": 1024, "2k": 3072, "8k": 9216}
"""Tokens a reply may take, as in LongProc's `example_usage.py`."""
TRAVEL = {"2k": (0, 2048), "8k": (4096, 8192)}
"""Reference tokens, from and below, of the records that make each size of travel planning."""
SLOT = {
    "countdown": "demonstration",
    "html_to_tsv": "html_str",
    "path_traversal": "city_context",
    "pseudo_to_code": "pseudocode",
    "tom_tracking": "story",
    "travel_planning": "demonstration",
}
"""What of the prompt is its context."""
OURS = {
    "countdown": "Join four numbers, each once, by + - * / to a target; results are whole, positive and below 2000. "
    "Search as these examples do:\n\n{demonstration}\n\nNow search (under the heading # Search Procedure), then write "
    "the three equations between <Solution> and </Solution>.\n\nNumbers: {nums}\nTarget: {target}",
    "html_to_tsv": "```html\n{html_str}\n```\n\nThis page is about {task_topic}. Make a table, one row for each item "
    "of the page and in its order, of: {task_description}{filtering_instruction}\nWrite N/A for what is missing, "
    "keep values as they are, separate columns by tabs, and answer with the table only:\n```tsv\n{tsv_header}\n...\n"
    "```",
    "path_traversal": "{city_context}\n\nWrite the route from {src_city} to {dst_city}, one leg a line:\n<Route>\nFrom "
    "<city>, take a <transport> to <city>.\n...\n</Route>",
    "pseudo_to_code": "{pseudocode}\n\nWrite this as C++, a line of code for each line, without includes (all of the "
    "standard library is included and in scope). Fence the code with ```cpp and ```.",
    "tom_tracking": "{story}\n\n{question}\nTrack it: after each step write one line of this form.\n- Step 1: (<agent> "
    "location changed; <object> location unchanged) {{<agent> location: <room>; <object> location: <room>'s "
    "<container>; <agent> sees <object>: <True or False>; <agent>'s belief on <object>: <room>'s <container> or "
    "None}}\nStep 0 says (initial state) in its brackets.",
    "travel_planning": "Plan trips. Days of arrival and departure count for both cities. Examples:\n\n{demonstration}"
    "\n\nYour trip: {problem}\n\nSearch between <Solving Procedure> and </Solving Procedure>, then write the plan "
    "between <Plan> and </Plan>.",
}
"""Our wording, for a folder without LongProc's own `prompts.yaml`."""


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return json_list(official(folder, name))


def template(folder: Path, task: str) -> tuple[str, str]:
    """A task's prompt with its slots, and whose it is: read from `prompts.yaml`, or ours where there is none."""
    name = f"{task}/prompts.yaml"
    if not (folder / name).is_file():
        return OURS[task], "longspan"
    text = official(folder, name).read_text(encoding="utf-8")
    return "\n".join(line[2:] for line in text.split("\n")[1:]).rstrip("\n"), "official"


def _countdown(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    """Slots, and for all but travel planning the reference, of a record."""
    others = [each for each in rows if (each["nums"], each["target"]) != (row["nums"], row["target"])][:2]
    shown = [f"# Example\nNumbers: {each['nums']}\nTarget: {each['target']}\n\n{_searched(each)}" for each in others]
    return {**row, "demonstration": "\n\n".join(shown), "reference_output": _searched(row)}


def _searched(row: Record) -> str:
    """The worked search of a record under the heading that the prompt and the rule have instead of the file's tags."""
    return (
        str(row["demonstration"])
        .replace("<Search Procedure>", "# Search Procedure")
        .replace("\n</Search Procedure>", "")
    )


def _html(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    page = official(folder, f"html_to_tsv/{row['html_path']}").read_text(encoding="utf-8")
    return {**row, "html_str": page, "reference_output": row["gt"]}


def _path(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    start, end = row["question_repr"]
    reference = row["answer_nl"]
    return {"city_context": row["context_nl"], "src_city": start, "dst_city": end, "reference_output": reference}


def _pseudo(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    code = "\n".join(row["code_lines"])
    return {**row, "pseudocode": "\n".join(row["pseudocode_lines"]), "reference_output": code}


def _tom(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    return {**row, "reference_output": row["solution"]}


def _travel(folder: Path, row: Record, rows: list[dict[str, Any]]) -> Record:
    return {**row, "problem": row["disambig_question_text"], "reference_output": row["ground_truth_plan"]}


def _example(row: Record) -> str:
    stays = {each["city"]: each["num_days"] for each in row["constraints"] if each["type"] == "duration"}
    fixed = {each["city"]: each["start_day"] for each in row["constraints"] if each["type"] == "fixed"}
    trip = Trip(stays, fixed, {(start, end) for start, end in row["connected_cities"]})
    search = trip.reply().partition("\n<Plan>")[0]
    plan = row["ground_truth_plan"].split("\n\n")[1].strip()
    return (
        f"# Example\n{row['disambig_question_text']}\n\n<Solving Procedure>\n{search}\n</Solving Procedure>\n\n"
        f"<Plan>\n{plan}\n</Plan>"
    )


FILL: Mapping[str, Callable[[Path, Record, list[dict[str, Any]]], Record]] = {
    "countdown": _countdown,
    "html_to_tsv": _html,
    "path_traversal": _path,
    "pseudo_to_code": _pseudo,
    "tom_tracking": _tom,
    "travel_planning": _travel,
}
NEEDS: Mapping[str, tuple[str, ...]] = {
    "countdown": ("nums", "target"),
    "travel_planning": ("ground_truth_cities", "ground_truth_durations"),
}
"""Fields of a record that a task's rules read."""


def load(folder: Path, *, name: str, task: str, size: str) -> Iterator[Sample]:
    """Samples of one task and size; InputError naming a file or a field that is missing."""
    file = "travel_planning_all" if task == "travel_planning" else f"{task}_{size}"
    rows = _rows(folder, f"{task}/{file}.json")
    text, wording = template(folder, task)
    before, _, after = text.partition(f"{{{SLOT[task]}}}")
    shared: dict[str, str] = {}
    if task == "travel_planning":
        examples = _rows(folder, "travel_planning/travel_planning_icl_examples.json")
        shared["demonstration"] = "\n\n".join(_example(each) for each in examples)
    for number, row in enumerate(rows):
        try:
            if task == "travel_planning" and not TRAVEL[size][0] <= row["estimated_output_tokens"] < TRAVEL[size][1]:
                continue
            slots = {**shared, **FILL[task](folder, row, rows)}
            yield Sample(
                task=name,
                id=f"{task}_{size}-{number}",
                before=before.format_map(slots),
                context=slots[SLOT[task]],
                after=after.format_map(slots),
                answers=(slots["reference_output"],),
                max_tokens=TOKENS[size],
                group=row.get("website_id", ""),
                data={"prompt": wording, **{key: row[key] for key in NEEDS.get(task, ())}},
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / task / file}.json, record {number + 1}: no field {error}") from error


def read(record: Record, *, name: str, needs: tuple[str, ...]) -> tuple[str, Sample]:
    """A record of predictions to its reply and sample; KeyError for a field of its item that the rule needs."""
    item = record["item"] if needs else record.get("item", {})
    sample = Sample(
        task=name,
        id=str(item.get("task_id", item.get("id", ""))),
        before=record.get("input_prompt", ""),
        context="",
        after="",
        answers=(str(record["reference_output"]),),
        max_tokens=0,
        data={key: item[key] for key in needs},
    )
    return str(record["prediction"]), sample


ABOUT = {
    "countdown": "join four numbers to a target by a search that is written down in full",
    "html_to_tsv": "copy properties of the items of a web page into a table",
    "path_traversal": "write down the way between two cities of a graph",
    "pseudo_to_code": "put pseudocode into C++ line by line",
    "tom_tracking": "say after each step of a story where things are and are believed to be",
    "travel_planning": "plan a trip under fixed days and one-way flights by a written search",
}
RULES: Mapping[str, tuple[str, Mapping[str, Rule]]] = {
    "countdown": ("0.5k 2k 8k", {"": rules.COUNTDOWN, "_partial": rules.COUNTDOWN_PART}),
    "html_to_tsv": ("0.5k 2k 8k", {"": rules.ROW_F1}),
    "path_traversal": ("0.5k 2k 8k", {"": rules.ROUTE, "_partial": rules.ROUTE_PART}),
    "pseudo_to_code": ("0.5k 2k", {"_ours": rules.CODE_LINES}),
    "tom_tracking": ("0.5k 2k 8k", {"": rules.BELIEFS, "_partial": rules.BELIEFS_PART}),
    "travel_planning": ("2k 8k", {"": rules.TRIP}),
}
"""Sizes of each task, and what follows its name by rule."""


def _published(name: str, task: str, size: str, rule: Rule) -> Published:
    card = Card(
        about=ABOUT[task],
        ability="long generation",
        scope="low" if task == "countdown" else "high",
        diffusion="high" if task == "path_traversal" else "low",
        paper=PAPER,
        source="princeton-pli/LongProc",
        licence="Apache-2.0",
        tokens=TOKENS[size],
    )
    samples = partial(load, name=name, task=task, size=size)
    return Published(card, rule, samples, partial(read, name=name, needs=NEEDS.get(task, ())), "longproc")


TASKS = {
    name: _published(name, task, size, rule)
    for task, (sizes, by_rule) in RULES.items()
    for size in sizes.split()
    for ending, rule in by_rule.items()
    for name in [f"longproc/{task}_{size}{ending}"]
}
