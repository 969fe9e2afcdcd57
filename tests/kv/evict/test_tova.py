import torch

from longspan.kv.evict.tova import TOVA
from longspan.kv.eviction import Eviction


def test_what_the_last_token_attends_to_stays_in_all_heads(tape, kept_of):
    text = tape(60, pads=(0, 25))
    store = Eviction(TOVA(), budget=10).open(text.page.layer)
    text.prompt(store, 60, 16)
    kept = kept_of(store, 2, 2)
    for row in range(2):
        pad = int((text.pos_BT[row] < 0).sum())
        keys = text.k_BGTD[row, :, pad:].repeat_interleave(2, 0)
        weights = torch.softmax(keys @ text.q_BHTD[row, :, -1, :, None] * text.page.scale, 1)[..., 0].mean(0)
        best = weights[:-1].argsort(descending=True)[:9].tolist()
        assert kept[row, 0] == kept[row, 1] == sorted([*best, len(weights) - 1])


def test_a_token_leaves_for_each_that_is_written(tape, kept_of):
    text = tape(40)
    store = Eviction(TOVA(), budget=10, every=1).open(text.page.layer)
    text.prompt(store, 30, 30)
    for at in range(30, 40):
        text.play(store, at, at + 1, "token")
        assert len(kept_of(store, 1, 2)[0, 0]) == 10
