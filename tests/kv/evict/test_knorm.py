from longspan.kv.evict.knorm import KNorm
from longspan.kv.eviction import Eviction


def test_the_shortest_keys_stay(tape, kept_of):
    text = tape(60, pads=(0, 25))
    store = Eviction(KNorm(), budget=10).open(text.page.layer)
    text.prompt(store, 60, 16)
    kept = kept_of(store, 2, 2)
    for (row, head), positions in kept.items():
        pad = int((text.pos_BT[row] < 0).sum())
        norms = text.k_BGTD[row, head, pad:].norm(dim=-1)
        assert positions == sorted(norms.argsort()[:10].tolist())
