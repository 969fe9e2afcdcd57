"""InfLLM keeps the start, the near tokens and the blocks that match, as a loop written from the paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.core.reference import belongs

from longspan.core import kernel
from longspan.core.attend import attend
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.retrieve.infllm import InfLLM
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.rerope import ReRoPE

SMALL = InfLLM(init=4, local=16, blocks=3, block=8, representatives=2, voters=1000)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


class Naive:
    """The paper's memory, token by token, for one row: lists and loops only."""

    def __init__(self, policy, tape):
        self.policy, self.tape = policy, tape
        self.near, self.init, self.blocks, self.votes = [], [], [], {}

    def keys_of(self, tokens):
        return self.tape.k_BGTD[0, :, tokens]

    def call(self, start, end):
        """The tokens that the queries start to end see beyond themselves, all of them chosen before any is read."""
        surplus = len(self.near) - self.policy.local
        while surplus > 0 and len(self.init) < self.policy.init:
            self.init.append(self.near.pop(0))
            surplus -= 1
        while surplus >= self.policy.block:
            block = [self.near.pop(0) for _ in range(self.policy.block)]
            best = sorted(block, key=lambda token: -self.votes[token])[: self.policy.representatives]
            self.blocks.append((block, self.keys_of(best).mean(1)))
            surplus -= self.policy.block
        chosen = self.matching(start, end)
        past = [token for number in chosen for token in self.blocks[number][0]]
        seen = self.init + past + self.near
        self.near += range(start, end)
        return chosen, seen

    def matching(self, start, end):
        heads, groups = self.tape.q_BHTD.shape[1], self.tape.k_BGTD.shape[1]
        mean = self.tape.q_BHTD[0, :, start:end].mean(1)
        scores = []
        for _, key in self.blocks:
            scores.append(sum(float(mean[h] @ key[h * groups // heads]) for h in range(heads)))
        best = sorted(range(len(scores)), key=lambda number: -scores[number])[: self.policy.blocks]
        return sorted(best)

    def vote(self, start, end):
        """Every query gives each near token the attention that it pays it among the near ones."""
        heads, groups = self.tape.q_BHTD.shape[1], self.tape.k_BGTD.shape[1]
        for t in range(start, end):
            visible = [token for token in self.near if token <= t]
            for h in range(heads):
                keys = self.tape.k_BGTD[0, h * groups // heads, visible]
                weights = torch.softmax(keys @ self.tape.q_BHTD[0, h, t] * self.tape.page.scale, 0)
                for token, weight in zip(visible, weights.tolist(), strict=True):
                    self.votes[token] = self.votes.get(token, 0.0) + weight


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chunk", [5, 16])
def test_the_loop_of_the_paper_chooses_the_same_blocks_and_gives_the_same_attention(tape, chunk, seed):
    played, length = tape(150, seed=seed), 144
    store, naive, chosen = SMALL.open(played.page.layer), Naive(SMALL, played), []
    for start in [*range(0, length, chunk), *range(length, 150)]:
        end = min(start + chunk, length) if start < length else start + 1
        blocks, seen = naive.call(start, end)
        moment = "token" if start >= length else "prompt_end" if end == length else "chunk"
        got = played.play(store, start, end, moment)
        if moment != "token":
            naive.vote(start, end)
        else:
            naive.votes[start] = 0.0
        chosen.append(blocks)
        both = {(0, group): seen for group in range(2)}
        torch.testing.assert_close(got, played.naive(both, start, end), **CLOSE)
    assert any(blocks != list(range(len(blocks))) for blocks in chosen)


def test_a_blocks_key_is_the_mean_of_its_most_attended_keys(tape):
    played = tape(80)
    store, naive = SMALL.open(played.page.layer), Naive(SMALL, played)
    for start in range(0, 80, 10):
        naive.call(start, start + 10)
        played.play(store, start, start + 10, "chunk")
        naive.vote(start, start + 10)
    memory = store._rows[0]
    assert len(naive.blocks) == len(memory._blocks) > 4
    for (tokens, key), kept, (_, _, pos) in zip(naive.blocks, memory._keys_NGD, memory._blocks, strict=False):
        assert pos[0].tolist() == tokens
        torch.testing.assert_close(kept, key)


@pytest.mark.parametrize("chunk", [1, 7, 33])
def test_the_start_and_the_near_tokens_are_always_seen(tape, chunk):
    played = tape(300)
    store = SMALL.open(played.page.layer)
    for start in range(0, 300, chunk):
        end = min(start + chunk, 300)
        cut = slice(start, end)
        q_BHTD, pos_BT = played.q_BHTD[:, :, cut], played.pos_BT[:, cut]
        store.append(played.k_BGTD[:, :, cut], played.v_BGTD[:, :, cut], pos_BT)
        seen = [pos for part in store.read(q_BHTD, pos_BT) for pos in part.pos_BGS[0, 0].tolist()]
        assert len(seen) == len(set(seen))
        assert set(range(min(4, end))) <= set(seen)
        assert set(range(max(0, start - 16), end)) <= set(seen)
        assert len(seen) <= SMALL.init + SMALL.local + SMALL.block + SMALL.blocks * SMALL.block + chunk


def test_nothing_stored_is_ever_lost(tape):
    played = tape(203)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 203, 19)
    memory = store._rows[0]
    held = [*memory._start.slots(0, 4)[2][0].tolist(), *memory._near.slots(0, memory._near.length)[2][0].tolist()]
    held += [pos for _, _, block in memory._blocks for pos in block[0].tolist()]
    assert sorted(held) == list(range(203))


def test_blocks_in_a_file_are_read_as_those_in_memory(tape):
    played = tape(300)
    host, disk = (replace(SMALL, tier=tier).open(played.page.layer) for tier in ("host", "disk"))
    for start in range(0, 300, 20):
        want, got = (played.play(store, start, start + 20, "chunk") for store in (host, disk))
        assert torch.equal(got, want)
    assert (host.host_nbytes() > 0, disk.host_nbytes()) == (True, 0)


def test_a_planted_block_is_found_again(tape):
    played = tape(400)
    store = replace(SMALL, blocks=1).open(played.page.layer)
    needle = played.q_BHTD[0, ::2, 399] + played.q_BHTD[0, 1::2, 399]
    played.k_BGTD[0, :, 100:108] = 3 * needle[:, None]
    for start in range(0, 399, 21):
        played.play(store, start, start + 21, "chunk")
    q_BHTD, pos_BT = played.q_BHTD[:, :, 399:], played.pos_BT[:, 399:]
    store.append(played.k_BGTD[:, :, 399:], played.v_BGTD[:, :, 399:], pos_BT)
    far, _ = store.read(q_BHTD, pos_BT)
    assert far.pos_BGS[0, 0].tolist() == [0, 1, 2, 3, *range(100, 108)]


def test_blocks_enough_equal_full_attention():
    model, prompt = tiny("qwen3"), torch.randint(2, 120, (300,), generator=torch.Generator().manual_seed(0)).tolist()

    def logits(kv):
        with Session(model, Method(kv=kv)) as session:
            first = session.prefill([prompt], chunk=32)
            return torch.cat([first, session.decode(torch.tensor([[5]]))[:, 0]])

    torch.testing.assert_close(logits(replace(SMALL, blocks=40)), logits(Full()), **CLOSE)
    assert not torch.allclose(logits(SMALL), logits(Full()), atol=1e-3)


def test_the_device_holds_as_much_however_long_the_text_and_the_host_in_proportion(tape):
    played = tape(8192)
    device, host = {}, {}
    store = replace(SMALL, voters=1).open(played.page.layer)
    for start in range(0, 8192, 64):
        played.play(store, start, start + 64, "chunk")
        memory = store._rows[0]
        device[start + 64] = store.nbytes() - memory._keys_NGD.nbytes
        host[start + 64] = store.host_nbytes()
        room = 64 + 2 * len(memory._blocks)
        assert memory._keys_NGD.nbytes <= room * 2 * 8 * 4
    assert len({device[length] for length in range(256, 8193, 64)}) == 1
    token = 2 * 2 * 8 * 4 + 8
    assert host[8192] - host[4096] == 4096 * token
    assert 8192 * token - 200 * token < host[8192] <= 8192 * token


@pytest.mark.parametrize("positions", ["plain", "rerope"])
def test_reading_costs_as_much_per_token_however_long_the_text(tape, monkeypatch, positions):
    played, pairs = tape(2048), []
    policy = replace(SMALL, voters=1)
    if positions == "rerope":
        layer = replace(played.page.layer, rotated=False)
        played.page = replace(played.page, layer=layer, positions=ReRoPE(32))
    spent = kernel.attention

    def count(q_BHTD, k_BGSD, *rest, **settings):
        pairs.append(q_BHTD.shape[1] * q_BHTD.shape[2] * k_BGSD.shape[2])
        return spent(q_BHTD, k_BGSD, *rest, **settings)

    monkeypatch.setattr(kernel, "attention", count)
    store, costs = policy.open(played.page.layer), []
    for start in range(0, 2048, 32):
        pairs.clear()
        played.play(store, start, start + 32, "chunk")
        costs.append(sum(pairs))
    assert min(costs[8:]) > 0
    assert max(costs[32:]) <= max(costs[8:16])


def test_with_rerope_no_distance_is_beyond_its_window(tape, monkeypatch):
    played, widest = tape(600), []
    bands = ReRoPE.bands

    def listen(self, q_BGT, k_BGS):
        found = bands(self, q_BGT, k_BGS)
        q, k = q_BGT[..., None], k_BGS[:, :, None]
        left = k <= q
        for band in found:
            own = left & belongs(band, q, k)
            distance = band.q_BGT[..., None] - band.k_BGS[:, :, None]
            widest.extend(distance[own].tolist())
            left = left & ~own
        assert not left.any()
        return found

    monkeypatch.setattr(ReRoPE, "bands", listen)
    layer = replace(played.page.layer, rotated=False)
    played.page = replace(played.page, layer=layer, positions=ReRoPE(40))
    played.prompt(SMALL.open(layer), 600, 32)
    assert min(widest) == 0
    assert max(widest) == 40


def test_rerope_gives_far_blocks_one_distance(tape):
    played = tape(200)
    layer = replace(played.page.layer, rotated=False)
    played.page = replace(played.page, layer=layer, positions=ReRoPE(40))
    store = SMALL.open(layer)
    played.prompt(store, 199, 32)
    q_BHTD, pos_BT = played.q_BHTD[:, :, 199:], played.pos_BT[:, 199:]
    store.append(played.k_BGTD[:, :, 199:], played.v_BGTD[:, :, 199:], pos_BT)
    far, near = store.read(q_BHTD, pos_BT)
    moved = replace(far, pos_BGS=torch.where(far.pos_BGS < 159, far.pos_BGS // 2, far.pos_BGS))
    got, want = (attend(played.page, q_BHTD, pos_BT, [part, near]) for part in (moved, far))
    torch.testing.assert_close(got, want)


def test_it_goes_back_within_the_near_tokens_and_refuses_to_go_farther(tape):
    played = tape(120)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 100, 20)
    played.play(store, 100, 101, "token")
    store.truncate(torch.tensor([100]))
    again = played.play(store, 100, 101, "token")
    fresh = SMALL.open(played.page.layer)
    played.prompt(fresh, 100, 20)
    torch.testing.assert_close(again, played.play(fresh, 100, 101, "token"))
    with pytest.raises(NotRewindable, match="InfLLM has filed tokens"):
        store.truncate(torch.tensor([60]))


@pytest.mark.parametrize(
    "wrong", [{"init": -1}, {"block": 0}, {"local": 0}, {"representatives": 0}, {"block": 4, "representatives": 5}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least|do not fit"):
        InfLLM(**wrong)
