import torch

from longspan.kv.evict.keydiff import KeyDiff
from longspan.kv.eviction import Eviction


def test_keys_least_like_the_mean_of_all_stay(tape, kept_of):
    text = tape(60, pads=(0, 25))
    store = Eviction(KeyDiff(), budget=10).open(text.page.layer)
    text.prompt(store, 60, 16)
    for (row, head), positions in kept_of(store, 2, 2).items():
        keys = [key / key.norm() for key, pos in zip(text.k_BGTD[row, head], text.pos_BT[row], strict=True) if pos >= 0]
        mean = torch.stack(keys).mean(0)
        cosine = torch.stack([key @ mean / mean.norm() for key in keys])
        assert positions == sorted(cosine.argsort()[:10].tolist())
