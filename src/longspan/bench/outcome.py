"""What a run found, as a file and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from longspan.bench.contest import Plan, Standing, Verdict, verdicts
from longspan.bench.picture import paint
from longspan.bench.roofline import Roofline
from longspan.bench.sides import DENSE
from longspan.evals.report.charts import draw

FILE = "bench.json"


@dataclass(frozen=True)
class Outcome:
    """Standings with all that is needed to believe them."""

    machine: Mapping[str, str]
    """Model, hardware, threads, precision and versions."""
    plan: Plan
    remarks: Sequence[str]
    standings: Sequence[Standing]
    bound: Roofline

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Who is faster, and from which length on."""
        return verdicts(self.standings)

    @property
    def headlines(self) -> list[Verdict]:
        """Of these, methods against dense, and dense against the peers."""
        return [each for each in self.verdicts if DENSE in (each.side, each.rival)]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        least = [{"length": n, "prefill": self.bound.read(n), "decode": self.bound.step(n)} for n in self.plan.lengths]
        rates = {"bytes_per_second": self.bound.bandwidth, "operations_per_second": self.bound.rate}
        return {
            "standings": [asdict(each) for each in self.standings],
            "verdicts": [{**asdict(each), "said": str(each)} for each in self.verdicts],
            "roofline": {**rates, "least_seconds": least},
            "machine": dict(self.machine),
            "plan": asdict(self.plan),
            "remarks": list(self.remarks),
        }

    def write(self, folder: Path) -> list[Path]:
        """The figures, and a picture for each quantity."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(self.plain(), ensure_ascii=False, indent=1), encoding="utf-8")
        quantities = list(dict.fromkeys(each.quantity for each in self.standings))
        for quantity in quantities:
            found = [each for each in self.headlines if each.quantity == quantity]
            draw(quantity, folder, paint(quantity, self.standings, found, self.bound))
        return [folder / FILE, *(folder / f"{quantity}.png" for quantity in quantities)]
