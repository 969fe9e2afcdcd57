"""Turn the result of `longspan extend --json` into the table that the methods' pages show their rows of.

    longspan extend smollm2 --to 16k --method all --json > result.json
    python benchmarks/evidence.py result.json --command "longspan extend smollm2 --to 16k --method all" \\
        --about "SmolLM2 135M" > docs/evidence/tables/extension.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def cell(found: dict[str, Any]) -> str:
    """Perplexity, needles, the loss on them, and cost of one method at one length."""
    needles = f"{round(found['found'] * found['needles'])}/{found['needles']}, {found['needle_loss']:.2f}"
    return f"{found['perplexity']:.3g}; {needles}; {found['seconds']:.3g} s; {found['nbytes'] / 2**20:.3g} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("--about", required=True)
    parser.add_argument("--command", required=True)
    asked = parser.parse_args()
    standings = json.loads(asked.result.read_text("utf-8"))["standings"]
    rows = [{"method": each["method"], "cells": [cell(found) for found in each["cells"]]} for each in standings]
    columns = [f"{found['length'] // 1024}k" for found in standings[0]["cells"]]
    table = {"about": asked.about, "command": asked.command, "columns": columns, "rows": rows}
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
