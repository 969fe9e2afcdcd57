"""longspan extend: make a model's window longer, and see what that does."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longspan.cli.lengthening import print_result

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.evals.extension.run import Work
    from longspan.evals.search.genetic import Evolution


@click.command("extend", short_help="Make a model's window longer.")
@click.argument("model")
@click.option("--to", "length", required=True, help="Tokens to reach, such as 32k.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("auto",),
    show_default=True,
    help="A method's name or string, as often as you like; auto compares the likeliest, all every one that extends.",
)
@click.option(
    "--search", is_flag=True, help="Search the method's numbers: longrope, longrope2, dpe, giraffe_truncated."
)
@click.option("--piecewise", is_flag=True, help="Of longrope, search two borders too.")
@click.option("--population", default=64, show_default=True, help="Of a search, its first generation.")
@click.option("--iterations", default=40, show_default=True, help="Of a search, its generations.")
@click.option("--children", default=32, show_default=True, help="Of a search, how many each generation adds at most.")
@click.option("--export", "exports", nargs=2, multiple=True, metavar="ENGINE DIR", help="hf, vllm or llamacpp.")
@click.option("--measure/--no-measure", default=True, help="Compare with the model as trained.", show_default=True)
@click.option("--lengths", default="", help="Tokens to measure at, by commas; else a quarter of the window and up.")
@click.option("--documents", default=3, show_default=True, help="Pieces of real text of each length.")
@click.option("--needles", default=10, show_default=True, help="Needles of each length, over all pieces.")
@click.option("--docs", default="", help="Your own documents as real text; else this Python's own reference.")
@click.option("--seed", default=0, show_default=True, help="Other needles, another search.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results.")
@click.option("--resume", is_flag=True, help="Go on with the run in that folder.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
@click.option("--dtype", default="auto", show_default=True, help="float32, w16a32, bfloat16, float16, or auto.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, as_json: bool, **options: Any) -> None:
    """Make MODEL read --to tokens, by the method that helps it most, or say that none does.

    Compares perplexity of real text and needles within the window and beyond it, writes a table, a page and pictures,
    and exports the method as settings of transformers (hf), vLLM or llama.cpp, proved on logits.
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    settings = {"model": model, **{name: str(value) for name, value in options.items()}}
    with recorded("extend", settings) as result, bars() as progress:
        _extend(model, options, progress, result)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print_result(result)


def _extend(name: str, options: dict[str, Any], progress: Progress, result: dict[str, Any]) -> None:
    from longspan.cli.lengthening import begun
    from longspan.cli.measuring import stoppable
    from longspan.core.errors import InputError
    from longspan.evals.extension.candidates import candidates
    from longspan.evals.extension.run import search
    from longspan.evals.search.recipe import shipped

    evolution = _evolution(options)
    work = begun(name, options, evolution, progress)
    plan, recipe = work.plan, None
    with stoppable(work.folder):
        if evolution is not None:
            recipe = search(work, evolution, piecewise=options["piecewise"], command=_command())
            result["recipe"] = asdict(recipe)
            methods = [recipe.method]
        else:
            methods = candidates(options["methods"], plan.window, plan.length, shipped(plan.digest, plan.length))
        result |= {"folder": str(work.folder), "methods": methods, "window": plan.window, "length": plan.length}
        if options["measure"]:
            result |= _compared(work, methods, recipe)
    chosen = result.get("method", "") if _chooses(options) else methods[0]
    if options["exports"] and not chosen:
        raise InputError(f"nothing is exported, because nothing helps: see {result['report']}, or name a --method")
    result["exports"] = [_exported(work, engine, Path(folder), chosen) for engine, folder in options["exports"]]


def _evolution(options: dict[str, Any]) -> Evolution | None:
    """The search that is asked for; InputError for options that do not go together."""
    from longspan.core.errors import InputError
    from longspan.evals.extension.run import check_search
    from longspan.evals.search.genetic import Evolution
    from longspan.models.export.engines import known

    for engine, _ in options["exports"]:
        known(engine)
    if options["piecewise"] and (not options["search"] or options["methods"] != ("longrope",)):
        raise InputError("--piecewise is about --method longrope --search")
    if not options["measure"] and _chooses(options):
        raise InputError("--no-measure needs one --method by its name: among several is chosen by measuring")
    if not options["search"]:
        return None
    check_search(", ".join(options["methods"]))
    mutations = options["children"] // 2
    return Evolution(
        options["population"], options["iterations"], mutations=mutations, crossovers=options["children"] - mutations
    )


def _chooses(options: dict[str, Any]) -> bool:
    """Whether the method is to be found among several."""
    return len(options["methods"]) > 1 or options["methods"][0] in ("auto", "all")


def _compared(work: Work, methods: list[str], recipe: Any) -> dict[str, Any]:
    from longspan.evals.extension.run import compare
    from longspan.evals.report.page import write_extension

    standings, choice = compare(work, methods)
    report = write_extension(work.folder, work.plan, standings, choice, recipe)
    return {
        "report": str(report),
        "method": choice.method,
        "why": choice.why,
        "verdicts": choice.verdicts,
        "standings": [asdict(each) for each in standings],
    }


def _exported(work: Work, engine: str, folder: Path, method: str) -> dict[str, Any]:
    from longspan.models.export import export
    from longspan.models.method import Method

    made = export(engine, folder, work.model, Method.parse(method), work.plan.length, progress=work.progress)
    return asdict(made)


def _command() -> str:
    return shlex.join(["longspan", *sys.argv[1:]])
