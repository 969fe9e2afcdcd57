"""What stores hand over to another session: tensors by name, those of a part under the part's name and a dot."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KVPolicy, Portable, Store

State = Mapping[str, Tensor]


def under(name: str, state: State) -> dict[str, Tensor]:
    """A part's state as it stands in that of the whole."""
    return {f"{name}.{own}": value for own, value in state.items()}


def part_of(state: State, name: str) -> dict[str, Tensor]:
    """The state of a part, taken out of that of the whole."""
    begin = f"{name}."
    return {own.removeprefix(begin): value for own, value in state.items() if own.startswith(begin)}


def copied(state: State) -> dict[str, Tensor]:
    """The same in memory of its own."""
    return {name: part.clone() for name, part in state.items()}


def number(value: int) -> Tensor:
    """A whole number as states hold it."""
    return torch.tensor(value)


def portable(store: Store, policy: KVPolicy) -> Portable:
    """The store of a policy as one that can leave its session; InputError where it cannot."""
    if isinstance(store, Portable):
        return store
    raise InputError(
        f"{type(policy).__name__} cannot hand its stored tokens over to another session yet: use kv=full for that"
    )
