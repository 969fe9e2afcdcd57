"""Money: what calls cost by a price list, and a limit that is never passed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a model, in one currency, per million tokens."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    """Of prompt tokens that the server had read before; None: the price of input."""

    def of(self, prompt: int, reply: int, cached: int = 0) -> float:
        """Cost of a call with so many tokens."""
        cheap = self.input if self.cached is None else self.cached
        return ((prompt - cached) * self.input + cached * cheap + reply * self.output) / 1e6


class Purse:
    """Counts what a run has spent and refuses a call that could pass the limit."""

    def __init__(self, price: Price, limit: float | None = None, spent: float = 0.0) -> None:
        self.price = price
        self.spent = spent
        self._limit = limit
        self._reserved = 0.0

    def reserve(self, prompt: int, reply: int) -> float:
        """Set aside what a call can cost at most; InputError where the limit does not allow it."""
        most = self.price.of(prompt, reply)
        if self._limit is not None and self.spent + self._reserved + most > self._limit:
            raise InputError(
                f"the next call could cost {most:.4f} and {self.spent + self._reserved:.4f} of {self._limit:g} are "
                "used: stopped before passing --max-cost. Nothing is lost: --resume with a higher limit goes on"
            )
        self._reserved += most
        return most

    def pay(self, reserved: float, prompt: int, reply: int, cached: int = 0) -> None:
        """Replace a reservation by what the call really cost."""
        self._reserved -= reserved
        self.spent += self.price.of(prompt, reply, cached)


def read_price(path: Path, model: str) -> Price:
    """The price of a model from a JSON file of `{"model": {"input": 0.5, "output": 1.5, "cached": 0.1}}`."""
    try:
        prices = json.loads(path.read_text(encoding="utf-8"))
        entry = prices[model] if model in prices else prices[model.rpartition("#")[2]]
        return Price(**{name: float(value) for name, value in entry.items()})
    except OSError as error:
        raise InputError(f"cannot read the price file {path}: {error.strerror}") from error
    except KeyError:
        raise InputError(f"{path} has no price of {model}: it has {', '.join(sorted(prices)) or 'none'}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f'{path} is not a price file: it wants {{"model": {{"input": 0.5, "output": 1.5}}}}, per million tokens '
            f"({error})"
        ) from error
