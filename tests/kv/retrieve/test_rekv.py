"""ReKV reads a stream through a window and a question with the blocks that match it, as a loop from the paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.retrieve.rekv import ReKV
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

SMALL = ReKV(init=3, local=14, blocks=2, block=5, question=6)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def both(seen, groups):
    return {(0, group): seen for group in range(groups)}


def matching(played, blocks, start, end, policy):
    """The blocks whose mean key has the largest cosine with the mean query, heads side by side."""
    heads, groups = played.q_BHTD.shape[1], played.k_BGTD.shape[1]
    query = torch.cat([played.q_BHTD[0, h, start:end].mean(0) for h in range(heads)])
    alike = []
    for block in blocks:
        key = torch.cat([played.k_BGTD[0, h * groups // heads, block].mean(0) for h in range(heads)])
        alike.append(float(torch.cosine_similarity(query, key, dim=0)))
    return sorted(sorted(range(len(blocks)), key=lambda n: -alike[n])[: policy.blocks])


def stream(played, store, length, chunk, policy):
    """Play the stream, comparing; the blocks it leaves and what is in none of them."""
    for start in range(0, length, chunk):
        end = min(start + chunk, length)
        past = range(start)
        seen = [*past[: policy.init], *past[max(policy.init, start - policy.local) :]]
        got = played.play(store, start, end, "prompt_end" if end == length else "chunk")
        torch.testing.assert_close(got, played.naive(both(seen, played.k_BGTD.shape[1]), start, end), **CLOSE)
    count = (length - policy.init) // policy.block
    starts = [policy.init + number * policy.block for number in range(count + 1)]
    return [list(range(start, start + policy.block)) for start in starts[:-1]], list(range(starts[-1], length))


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (4, 1)])
@pytest.mark.parametrize("chunk", [4, 11, 64])
def test_the_loop_of_the_paper_reads_the_same_tokens(tape, chunk, heads, kv_heads):
    played, policy = tape(90, heads=heads, kv_heads=kv_heads, seed=1), SMALL
    store = policy.open(played.page.layer)
    blocks, rest = stream(played, store, 64, chunk, policy)
    chosen = matching(played, blocks, 58, 64, policy)
    asked = [(64, 65, "token"), (65, 66, "token"), (66, 73, "prompt_end"), (73, 74, "token"), (74, 75, "token")]
    choices = set()
    for start, end, moment in asked:
        chosen = matching(played, blocks, start, end, policy) if moment == "prompt_end" else chosen
        seen = [0, 1, 2, *(token for number in chosen for token in blocks[number]), *rest, *range(64, start)]
        got = played.play(store, start, end, moment)
        torch.testing.assert_close(got, played.naive(both(seen, kv_heads), start, end), **CLOSE)
        choices.add(tuple(chosen))
    assert len(choices) > 1


def test_a_planted_block_is_found_by_its_question(tape):
    played = tape(420)
    store = replace(SMALL, blocks=1).open(played.page.layer)
    mean = played.q_BHTD[0, :, 400:420].mean(1)
    played.k_BGTD[0, :, 103:108] = 5 * (mean[::2] + mean[1::2])[:, None]
    played.prompt(store, 400, 20)
    cut = slice(400, 420)
    q, k, v = (x[:, :, cut] for x in (played.q_BHTD, played.k_BGTD, played.v_BGTD))
    store.append(k, v, played.pos_BT[:, cut])
    far, near = store.read(q, played.pos_BT[:, cut])
    assert far.pos_BGS[0, 0].tolist() == [0, 1, 2, *range(103, 108)]
    assert near.pos_BGS[0, 0].tolist() == list(range(398, 420))


def test_nothing_of_the_stream_is_lost_and_the_device_holds_a_window_of_it(tape):
    played, held = tape(4003), []
    store = SMALL.open(played.page.layer)
    for start in range(0, 4003, 23):
        end = min(start + 23, 4003)
        played.play(store, start, end, "prompt_end" if end == 4003 else "chunk")
        held.append(store.nbytes() - store._rows[0]._keys.nbytes())
    row = store._rows[0]
    filed = [pos for _, _, block in row._blocks for pos in block[0].tolist()]
    assert filed == list(range(3, 4003))
    assert row._init.slots(0, 3)[2][0].tolist() == [0, 1, 2]
    assert max(held[60:]) == max(held[20:60])
    assert store.host_nbytes() == 4000 * (2 * 2 * 8 * 4 + 8)


def test_blocks_enough_equal_full_attention_when_the_window_holds_the_stream():
    model = tiny("qwen3", num_hidden_layers=2)
    prompt = torch.randint(2, 120, (90,), generator=torch.Generator().manual_seed(0)).tolist()

    def logits(kv):
        with Session(model, Method(kv=kv)) as session:
            first = session.prefill([prompt], chunk=32)
            second = session.decode(torch.tensor([[5]]))[:, 0]
            return torch.cat([first, second, session.prefill([prompt[:9]]), session.decode(torch.tensor([[6]]))[:, 0]])

    roomy = replace(SMALL, local=100, blocks=99)
    torch.testing.assert_close(logits(roomy), logits(Full()), **CLOSE)
    assert not torch.allclose(logits(replace(roomy, blocks=2)), logits(Full()), atol=1e-3)


def test_answers_are_taken_back_but_the_stream_is_not(tape):
    played = tape(90)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 64, 16)

    def asked():
        turn = [played.play(store, 64, 70, "prompt_end")]
        return turn + [played.play(store, now, now + 1, "token") for now in range(70, 75)]

    first = asked()
    store.truncate(torch.tensor([64]))
    played.play(store, 64, 80, "prompt_end")
    store.truncate(torch.tensor([64]))
    torch.testing.assert_close(asked(), first)
    with pytest.raises(NotRewindable, match="filed the stream"):
        store.truncate(torch.tensor([63]))


@pytest.mark.parametrize("wrong", [{"init": -1}, {"block": 0}, {"blocks": 0}, {"question": 0}, {"local": 195}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least"):
        ReKV(**wrong)
