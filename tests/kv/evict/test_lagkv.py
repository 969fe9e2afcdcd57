import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.evict.lagkv import LagKV
from longspan.kv.eviction import Eviction

SINKS, LAG = 3, 8


def naive(k_SD, v_SD):
    """The paper's score token by token: infinity for what always stays."""
    length = len(k_SD)
    scores = [float("inf")] * length
    for part in range((length - SINKS) // LAG - 1):
        start = SINKS + part * LAG
        total = torch.zeros(LAG)
        for x in (k_SD, v_SD):
            own, following = x[start : start + LAG], x[start + LAG : start + 2 * LAG]
            least, greatest = following.min(0).values, following.max(0).values
            total += torch.softmax(((own - least) / (greatest - least)).std(-1), 0)
        for rank, index in enumerate(total.argsort().tolist()):
            scores[start + index] = rank / LAG
    return torch.tensor(scores)


def test_each_partition_keeps_what_differs_most_from_the_next(tape, kept_of):
    text = tape(70, pads=(0, 25))
    store = Eviction(LagKV(SINKS, LAG), budget=30).open(text.page.layer)
    text.prompt(store, 70, 16)
    for (row, head), positions in kept_of(store, 2, 2).items():
        pad = int((text.pos_BT[row] < 0).sum())
        scores = naive(text.k_BGTD[row, head, pad:], text.v_BGTD[row, head, pad:])
        assert positions == sorted(scores.argsort(descending=True, stable=True)[:30].tolist())
        assert set(range(SINKS)) <= set(positions)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="lag=0"):
        LagKV(lag=0)
    with pytest.raises(InputError, match="leaves no choice"):
        Eviction(LagKV(), budget=200)
