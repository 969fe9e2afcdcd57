"""Reading texts a second time, for methods that judge tokens by what the text itself asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from longspan.core.types import KVPolicy, Moment, Rehearsal, Rehearsing, Store
from longspan.kv.window import WindowStore


def wanted(kv: KVPolicy, moment: Moment, pos_BT: Tensor) -> Rehearsal | None:
    """How texts are read again before the last of the tokens at these positions; None: they are not."""
    return kv.rehearsal(moment, pos_BT.amax(1) + 1) if isinstance(kv, Rehearsing) else None


def pieces(
    rows: Sequence[Sequence[int]], firsts: Sequence[int], rehearsal: Rehearsal
) -> Iterator[tuple[int, int, list[Sequence[int]]]]:
    """What is read again at a time of rows from their `firsts` on, after how many tokens of how many that is done."""
    total = max((len(row) - first for row, first in zip(rows, firsts, strict=True)), default=0)
    for at in range(0, total, rehearsal.chunk):
        starts = [first + at for first in firsts]
        yield (
            min(at + rehearsal.chunk, total),
            total,
            [
                row[max(0, start - rehearsal.lead) : start + rehearsal.chunk] if start < len(row) else []
                for row, start in zip(rows, starts, strict=True)
            ],
        )


@contextmanager
def forgotten(stores: dict[int, Store], length_B: Tensor) -> Iterator[None]:
    """What is stored within the block is forgotten; layers with a sliding window store it in a copy."""
    windows = {index: store for index, store in stores.items() if isinstance(store, WindowStore)}
    stores |= {index: store.copy() for index, store in windows.items()}
    yield
    stores |= windows
    for index in stores.keys() - windows.keys():
        stores[index].truncate(length_B)


def tell(kv: KVPolicy, stores: dict[int, Store], length_B: Tensor) -> None:
    """Tell a policy that its stores have been shown everything again but the last tokens, up to `length_B`."""
    if stores and isinstance(kv, Rehearsing):
        told = [stores[index] for index in sorted(stores)]
        kv.rehearsed([store for store in told if not isinstance(store, WindowStore)], length_B)
