"""The methods of the library, read from their files without importing them.

A method is one file with one public frozen dataclass. The first line of its docstring is its record,
`Name: one clause in plain words. https://arxiv.org/abs/...`; lines that begin `also:` name further papers on the same
idea, and `Differs from the paper:` says what is not as published.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The folder of the package that is searched."""


@dataclass(frozen=True, slots=True)
class Seam:
    """A place where methods plug in."""

    key: str
    """The word before the equals sign in a method string."""
    folder: str
    """Where its methods live, folders inside included unless they are another seam's."""
    meaning: str
    """What is chosen here."""
    defines: str = ""
    """A function that its classes define; other recorded classes of the folder are no methods."""
    part_of: str = ""
    """The seam whose methods hold these as a field named `key`; empty: chosen by itself."""
    host: str = ""
    """The method of `part_of` that any of these becomes one through."""
    like: str = ""
    """The seam whose methods these are; empty: it has its own."""
    option: str = "--method"
    """The option of the command line that its methods are written in."""


SEAMS = (
    Seam("rope", "rope", "frequencies of the rotary embedding as a function of length"),
    Seam("positions", "position", "which distances the model sees"),
    Seam("pattern", "pattern", "which stored tokens the queries of a prompt read"),
    Seam("kv", "kv", "what happens to stored tokens", defines="open"),
    Seam("draft", "draft", "who guesses the next tokens, for the model to check several at once", defines="open"),
    Seam("prune", "prune", "which tokens of a prompt are read at all", defines="choose"),
    Seam(
        "embed",
        "embed",
        "how an encoder reads passages longer than it was trained on",
        defines="reach",
        option="--embed-method",
    ),
    Seam("score", "kv/evict", "which tokens eviction keeps", part_of="kv", host="eviction"),
    Seam("split", "kv/split", "how eviction divides its budget over heads and layers", part_of="kv"),
    Seam("merge", "kv/merge", "what becomes of what eviction gives up", part_of="kv", defines="merged"),
    Seam("keep", "kv", "where the tokens live that eviction keeps", part_of="kv", like="kv"),
)
"""Every seam that is discovered; a new seam is a new row."""

RECORD = re.compile(r"(?P<title>[^:\s][^:]{0,60}): (?P<summary>.+?)(?:\s+(?P<paper>https?://\S+))?")
LABEL = re.compile(r"(differs from the paper|also):\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A hyper-parameter of a method."""

    name: str
    annotation: str
    default: str | None
    """As written in the source; None: it must be given."""
    meaning: str
    """The text under the field."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method as its file describes it."""

    name: str
    """The stem of its file."""
    seam: str
    folder: str
    module: str
    class_name: str
    title: str
    summary: str
    paper: str
    """Address of the paper; empty without one."""
    also: tuple[str, ...]
    """Further papers on the same idea, name and address."""
    deviations: str
    """What differs from the paper; empty when nothing does."""
    fields: tuple[Field, ...]


def seam(key: str) -> Seam:
    """Return the row of a seam; KeyError when there is none."""
    return {row.key: row for row in SEAMS}[key]


@cache
def entries(root: Path = ROOT) -> tuple[Entry, ...]:
    """Every method below `root`, by seam and name.

    Raises ValueError when two methods of a seam share a name or a file holds two methods.
    """
    found = [entry for path in sorted(root.rglob("*.py")) if (entry := _entry(root, path))]
    for (key, name), times in Counter((e.seam, e.name) for e in found).items():
        if times > 1:
            where = " and ".join(e.folder for e in found if (e.seam, e.name) == (key, name))
            raise ValueError(f"two {key} methods are called {name} (in {where}): rename one of the files")
    order = [row.key for row in SEAMS]
    return tuple(sorted(found, key=lambda e: (order.index(e.seam), e.name)))


def _entry(root: Path, path: Path) -> Entry | None:
    relative = path.relative_to(root)
    rows = _rows(relative.parent.as_posix())
    if not rows or path.stem.startswith("_"):
        return None
    source = path.read_text(encoding="utf-8")
    if "dataclass" not in source:
        return None
    recorded = list(_recorded(ast.parse(source, str(path))))
    for row in rows:
        if methods := [m for m in recorded if not row.defines or row.defines in _functions(m[0])]:
            break
    else:
        return None
    if len(methods) > 1:
        raise ValueError(
            f"{path} holds {len(methods)} methods ({', '.join(m[0].name for m in methods)}): one file, one method"
        )
    definition, record, notes = methods[0]
    return Entry(
        name=path.stem,
        seam=row.key,
        folder=relative.parent.as_posix(),
        module=".".join((root.name, *relative.with_suffix("").parts)),
        class_name=definition.name,
        title=record["title"],
        summary=record["summary"],
        paper=record["paper"] or "",
        also=tuple(text for label, text in notes if label == "also"),
        deviations=" ".join(text for label, text in notes if label != "also"),
        fields=tuple(_fields(definition.body)),
    )


def _rows(folder: str) -> list[Seam]:
    """The seams of a folder, the most deeply nested first: a method is of the first whose function it defines."""
    holding = [row for row in SEAMS if f"{folder}/".startswith(f"{row.folder}/") and not row.like]
    return sorted(holding, key=lambda row: -len(row.folder))


def _recorded(module: ast.Module) -> Iterator[tuple[ast.ClassDef, re.Match[str], list[tuple[str, str]]]]:
    for node in module.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and _is_dataclass(node):
            first, notes = _lines(ast.get_docstring(node) or "")
            if record := RECORD.fullmatch(first):
                yield node, record, notes


def _is_dataclass(node: ast.ClassDef) -> bool:
    names = [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
    return "dataclass" in names or "dataclasses.dataclass" in names


def _functions(node: ast.ClassDef) -> set[str]:
    return {item.name for item in node.body if isinstance(item, ast.FunctionDef)}


def _lines(docstring: str) -> tuple[str, list[tuple[str, str]]]:
    """The record and the labelled lines (label, text) of a docstring, wrapped lines joined."""
    lines: list[tuple[str, str]] = []
    for index, paragraph in enumerate(docstring.split("\n\n")):
        opening = "record" if index == 0 else "prose"
        for line in map(str.strip, paragraph.splitlines()):
            if label := LABEL.fullmatch(line):
                opening = label[1].lower()
                lines.append((opening, label[2]))
            elif lines and lines[-1][0] == opening != "prose" and not _ended(opening, lines[-1][1], line):
                lines[-1] = (opening, f"{lines[-1][1]} {line}")
            else:
                lines.append((opening, line))
                opening = "prose" if lines[1:] else opening
    record = lines[0][1] if lines and lines[0][0] == "record" else ""
    return record, [(label, text) for label, text in lines if label not in ("record", "prose")]


def _ended(label: str, text: str, following: str) -> bool:
    """Whether a record is complete, so that the line after it is prose."""
    if label != "record":
        return False
    return "://" in text or (text.endswith(".") and not following.startswith("http"))


def _fields(body: list[ast.stmt]) -> Iterator[Field]:
    for node, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        annotation = ast.unparse(node.annotation).strip("'\"")
        if annotation.split("[")[0].endswith("ClassVar"):
            continue
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
        yield Field(node.target.id, annotation, _default(node.value), " ".join(str(text).split()))


def _default(value: ast.expr | None) -> str | None:
    if not isinstance(value, ast.Call) or ast.unparse(value.func).split(".")[-1] != "field":
        return None if value is None else ast.unparse(value)
    for given in value.keywords:
        if given.arg == "default":
            return ast.unparse(given.value)
        if given.arg == "default_factory":
            made = given.value
            return ast.unparse(made.body) if isinstance(made, ast.Lambda) else f"{ast.unparse(made)}()"
    return None
