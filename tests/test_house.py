"""The house rules that no other tool checks: sizes, docstrings, names, layers, and documents that hold."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "longspan"
CODE = sorted(
    path
    for folder in ("src", "tests", "docs", "recipes", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
FILE, FUNCTION, PARAMETERS, AGENTS = 400, 60, 7, 40
BANNED = re.compile(r"utils?|helpers?|common|misc|.*_v\d+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


def parameters(node: Function) -> int:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([argument for argument in every if argument.arg not in ("self", "cls")])


def undocumented(path: Path) -> Iterator[str]:
    """Names of the public modules, classes, functions and methods of a file that have no docstring."""
    module = ast.parse(path.read_text())
    inside: list[tuple[str, ast.Module | ast.ClassDef]] = [(name(path), module)]
    if module.body and not ast.get_docstring(module):
        yield name(path)
    while inside:
        where, parent = inside.pop()
        for node in parent.body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    yield f"{where}:{node.name}"
                if isinstance(node, ast.ClassDef):
                    inside.append((f"{where}:{node.name}", node))


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


def test_files_are_at_most_400_lines():
    lines = {name(path): len(path.read_text().splitlines()) for path in CODE}
    folders: Counter[str] = Counter()
    for path, count in lines.items():
        folders["/".join(path.split("/")[:3] if path.startswith("src") else path.split("/")[:2][:1])] += count
    print("", *(f"{count:7,} lines  {folder}" for folder, count in sorted(folders.items())), sep="\n")
    assert {path: count for path, count in lines.items() if count > FILE} == {}


def test_functions_are_at_most_60_lines():
    long = {
        f"{name(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in CODE
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= FUNCTION
    }
    assert long == {}


def test_functions_take_at_most_seven_parameters():
    many = {
        f"{name(p)}:{node.name}": parameters(node)
        for p in CODE
        for node in functions(p)
        if parameters(node) > PARAMETERS
    }
    assert many == {}


def test_every_public_name_has_a_docstring():
    assert [missing for path in SOURCE.rglob("*.py") for missing in undocumented(path)] == []


def test_everything_is_annotated():
    bare = [
        f"{name(path)}:{node.name}"
        for path in SOURCE.rglob("*.py")
        for node in functions(path)
        if node.returns is None or any(a.annotation is None for a in every(node) if a.arg not in ("self", "cls"))
    ]
    assert bare == []


def every(node: Function) -> list[ast.arg]:
    rest = [argument for argument in (node.args.vararg, node.args.kwarg) if argument is not None]
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *rest]


def test_modules_are_named_for_what_they_hold():
    assert [name(path) for path in CODE if BANNED.fullmatch(path.stem) or BANNED.fullmatch(path.parent.name)] == []


def test_every_folder_of_the_package_is_a_layer():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = set(re.findall(r"\w+", " ".join(contracts[0]["layers"])))
    assert {path.parent.name for path in SOURCE.glob("*/__init__.py")} - layers == set()


def test_only_the_models_folder_imports_transformers():
    importing = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "transformers")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "transformers" for alias in node.names))
    }
    assert importing <= {"models"}


def test_no_file_refuses_to_be_checked_without_a_reason():
    bare = re.compile(r"#\s*(noqa|type: ignore|pragma: no cover)(:\s*[\w, -]+|\[[\w, -]+\])?\s*$", re.MULTILINE)
    assert [name(path) for path in CODE if bare.search(path.read_text())] == []


def test_the_orientation_for_newcomers_stays_short():
    assert len((ROOT / "AGENTS.md").read_text().splitlines()) <= AGENTS


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))], ids=name
)
def test_python_in_the_documents_compiles(page):
    for code in blocks(page):
        compile(code, name(page), "exec")


def test_links_between_documents_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    made = [(page, link) for page, link in links if not link.startswith("methods/")]
    assert [f"{name(page)}: {link}" for page, link in made if not (page.parent / link).exists()] == []


def test_the_pins_are_inside_the_ranges():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pinned = {canonicalize_name(package): version for package, version in pins.items()}
    ranges = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    wanted = [Requirement(text) for text in ranges]
    loose = [str(r) for r in wanted if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))]
    assert loose == []
