"""Writes the methods pages of the site from the methods' own files, each time the site is built."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from longspan.cli.methods import usage
from longspan.core.discover import SEAMS, Entry, entries, seam

EVIDENCE = Path(__file__).parent / "evidence"
TABLES = EVIDENCE / "tables"
"""What many methods were measured on side by side: each page shows the rows of its own method beside the plain ones."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, by seam."""
    pages: list[object] = ["methods/index.md"]
    for key, group in groupby(entries(), key=lambda entry: entry.seam):
        pages.append({key: [{entry.title: uri(entry)} for entry in group]})
    config.nav = [{"Methods": pages} if "Methods" in item else item for item in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page per method and the table of them all."""
    files.append(File.generated(config, "methods/index.md", content=table()))
    for entry in entries():
        files.append(File.generated(config, uri(entry), content=page(entry)))
    return files


def uri(entry: Entry) -> str:
    """Where a method's page is."""
    return f"methods/{entry.seam}/{entry.name}.md"


def table() -> str:
    """Write the page that lists every method under its seam."""
    lines = ["# Methods", "", f"{len(entries())} methods, each one file. `longspan methods` prints the same.", ""]
    for row in SEAMS:
        chosen = [entry for entry in entries() if entry.seam == row.key]
        if chosen:
            lines += [
                f"## {row.key}",
                "",
                f"{row.meaning.capitalize()}.",
                "",
                "| method | what it does | paper |",
                "|---|---|---|",
            ]
            lines += [
                f"| [{e.title}]({uri(e).removeprefix('methods/')}) | {cell(e.summary)} | {link(e.paper)} |"
                for e in chosen
            ]
            lines.append("")
    return "\n".join(lines)


def page(entry: Entry) -> str:
    """Write the page of a method."""
    row = seam(entry.seam)
    lines = [f"# {entry.title}", "", f"{entry.summary[:1].upper()}{entry.summary[1:]}", ""]
    lines += [f"- Seam: **{row.key}**, {row.meaning}"]
    lines += [f"- Class: `{entry.module}.{entry.class_name}`"]
    lines += [f"- Paper: {link(entry.paper)}"] if entry.paper else []
    lines += [f"- Also: {text}" for text in entry.also]
    lines += ["", "```sh", f'longspan ask book.txt "question" {row.option} "{usage(entry)}"', "```", ""]
    if entry.fields:
        lines += ["## Settings", "", "| name | type | default | meaning |", "|---|---|---|---|"]
        for field in entry.fields:
            default = f"`{cell(field.default)}`" if field.default is not None else "must be given"
            lines.append(f"| `{field.name}` | `{cell(field.annotation)}` | {default} | {cell(field.meaning)} |")
        lines.append("")
    lines += ["## What differs from the paper", "", entry.deviations, ""] if entry.deviations else []
    found = measured(entry)
    return "\n".join([*lines, *(["## Measured here", "", *found] if found else [])])


def measured(entry: Entry) -> list[str]:
    """What is known of a method from measuring: its own text, and its rows of the tables."""
    own = EVIDENCE / f"{evidence(entry)}.md"
    lines = [own.read_text(encoding="utf-8").strip(), ""] if own.exists() else []
    for path in sorted(TABLES.glob("*.json")):
        lines += rows_of(json.loads(path.read_text(encoding="utf-8")), entry)
    return lines


def rows_of(found: dict[str, Any], entry: Entry) -> list[str]:
    """A method's rows of a table, under those of the plain model; nothing where it has none."""
    rows = [row for row in found["rows"] if entry.name in re.findall(r"\w+", row["method"])]
    if not rows:
        return []
    plain = [row for row in found["rows"] if not row["method"]]
    lines = [found["about"], "", " | ".join(["| method", *found["columns"]]) + " |"]
    lines.append("|---" * (1 + len(found["columns"])) + "|")
    lines += [" | ".join([f"| {shown(row)}", *row["cells"]]) + " |" for row in (*plain, *rows)]
    return [*lines, "", "```sh", found["command"], "```", ""]


def shown(row: dict[str, Any]) -> str:
    """What a row is about."""
    return f"`{cell(row['method'])}`" if row["method"] else "as trained"


def evidence(entry: Entry) -> str:
    """The stem of a method's evidence file: its name, with its seam where another seam has the same."""
    times = Counter(other.name for other in entries())
    return entry.name if times[entry.name] == 1 else f"{entry.seam}_{entry.name}"


def cell(text: str) -> str:
    """Make text safe inside a table."""
    return text.replace("|", "\\|")


def link(address: str) -> str:
    """Show an address without its scheme."""
    return f"[{address.removeprefix('https://')}]({address})" if address else ""
