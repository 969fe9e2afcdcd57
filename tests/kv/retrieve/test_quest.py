"""Quest reads the pages with the greatest bounds, as a loop written from the paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.kv.full import FullStore
from longspan.kv.retrieve.quest import Quest

SMALL = Quest(budget=12, page=4, dense_layers=0)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def naive(played, length, group, *, page=4, pages=3):
    """The tokens that a group's pages hold, found page by page and channel by channel."""
    heads = played.q_BHTD.shape[1] // played.k_BGTD.shape[1]
    starts = range(0, length + 1, page)
    shares = []
    for head in range(group * heads, (group + 1) * heads):
        q, bounds = played.q_BHTD[0, head, length], []
        for start in starts:
            keys = played.k_BGTD[0, group, start : min(start + page, length + 1)]
            bounds.append(sum(max(float(q[d] * key[d]) for key in keys) for d in range(len(q))))
        shares.append(torch.softmax(torch.tensor(bounds) * len(q) ** -0.5, 0))
    worth = torch.stack(shares).amax(0)[:-1]
    best = [*sorted(worth.argsort(descending=True)[: pages - 1].tolist()), len(worth)]
    return [token for number in best for token in range(number * page, min(number * page + page, length))]


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("length", [40, 63])
def test_the_loop_of_the_paper_reads_the_same_pages(tape, heads, kv_heads, length):
    played = tape(length + 9, heads=heads, kv_heads=kv_heads)
    store = SMALL.open(played.page.layer)
    played.prompt(store, length, 17)
    for now in range(length, length + 9):
        kept = {(0, group): naive(played, now, group) for group in range(kv_heads)}
        torch.testing.assert_close(played.play(store, now, now + 1, "token"), played.naive(kept, now, now + 1), **CLOSE)


def test_heads_read_pages_of_their_own_and_no_more_than_the_budget(tape):
    played = tape(200)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 199, 50)
    cut = slice(199, 200)
    store.append(played.k_BGTD[:, :, cut], played.v_BGTD[:, :, cut], played.pos_BT[:, cut])
    (part,) = store.read(played.q_BHTD[:, :, cut], played.pos_BT[:, cut])
    assert len(part) == 12
    first, second = part.pos_BGS[0].tolist()
    assert first != second
    for read in (first, second):
        assert read == sorted(set(read))
        assert read[-4:] == [196, 197, 198, 199]


def test_a_page_is_never_worth_less_than_its_best_key(tape):
    played = tape(64, heads=2, kv_heads=2)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 64, 10)
    row = store._rows[0]
    q_HD = played.q_BHTD[0, :, -1]
    bound = q_HD[:, None].clamp_min(0) * row._greatest.read() + q_HD[:, None].clamp_max(0) * row._least.read()
    dots = (played.k_BGTD[0] * q_HD[:, None]).sum(-1).unflatten(1, (-1, 4)).amax(-1)
    assert (bound.sum(-1) >= dots - 1e-5).all()


def test_bounds_are_of_rotated_keys_where_they_are_held_as_projected(tape):
    played = tape(80)
    chosen = []
    for rotated in (True, False):
        layer = replace(played.page.layer, rotated=rotated)
        k, q = (
            rotate(x, played.pos_BT[:, None], layer.rotation) if rotated else x for x in (played.k_BGTD, played.q_BHTD)
        )
        store = SMALL.open(layer)
        store.append(k[:, :, :79], played.v_BGTD[:, :, :79], played.pos_BT[:, :79])
        store._rows[0]._decoding = True
        store.append(k[:, :, 79:], played.v_BGTD[:, :, 79:], played.pos_BT[:, 79:])
        (part,) = store.read(q[:, :, 79:], played.pos_BT[:, 79:])
        chosen.append(part.pos_BGS.tolist())
    assert chosen[0] == chosen[1]


def test_prompts_and_the_first_layers_read_everything(tape):
    played = tape(90)
    assert isinstance(Quest().open(replace(played.page.layer, index=1)), FullStore)
    store = SMALL.open(played.page.layer)
    for start, moment in [(0, "chunk"), (40, "prompt_end"), (80, "token")]:
        cut = slice(start, min(start + 40, 90))
        store.append(played.k_BGTD[:, :, cut], played.v_BGTD[:, :, cut], played.pos_BT[:, cut])
        assert sum(len(part) for part in store.read(played.q_BHTD[:, :, cut], played.pos_BT[:, cut])) == cut.stop
        played.play(SMALL.open(played.page.layer), 0, 1, moment)


@pytest.mark.parametrize("wrong", [{"page": 0}, {"dense_layers": -1}, {"budget": 8}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least"):
        Quest(**wrong)
