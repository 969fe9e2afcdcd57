"""Recycled Attention ranks at full steps and reuses the ranking between them, as a loop from the paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.retrieve.recycled_attention import RecycledAttention

SMALL = RecycledAttention(budget=12, stride=4)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


class Naive:
    """The paper's two caches, token by token."""

    def __init__(self, played, policy):
        self.played, self.policy = played, policy
        self.small, self.since, self.last = {}, 0, 0

    def refresh(self, now):
        heads = self.played.q_BHTD.shape[1] // self.played.k_BGTD.shape[1]
        for group in range(self.played.k_BGTD.shape[1]):
            keys = self.played.k_BGTD[0, group, : now + 1]
            share = torch.zeros(now + 1)
            for head in range(group * heads, (group + 1) * heads):
                share += torch.softmax(keys @ self.played.q_BHTD[0, head, now] * self.played.page.scale, 0)
            ranked = share.argsort(descending=True)[: self.policy.budget].tolist()
            self.small[0, group] = ranked
        self.since, self.last = 0, now

    def step(self, now):
        """The tokens read besides the one decoded now, and whether all are."""
        self.since += 1
        if self.due(now):
            return {at: list(range(now)) for at in self.small}, True
        for ranked in self.small.values():
            ranked.remove(ranked[len(ranked) - self.since])
            ranked.append(now)
        return {at: [token for token in ranked if token != now] for at, ranked in self.small.items()}, False

    def due(self, now):
        if self.policy.schedule == "fixed":
            return self.since >= self.policy.stride
        if self.since % self.policy.check:
            return False
        q = self.played.q_BHTD[0]
        alike = F.cosine_similarity(q[:, now].flatten(), q[:, self.last].flatten(), dim=0)
        return bool(alike < self.policy.similarity)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize(
    "policy", [SMALL, replace(SMALL, schedule="similar", check=3, similarity=0.1)], ids=["fixed", "similar"]
)
def test_the_loop_of_the_paper_takes_the_same_steps(tape, policy, heads, kv_heads):
    played, full = tape(80, heads=heads, kv_heads=kv_heads, seed=3), []
    store, naive = policy.open(played.page.layer), Naive(played, policy)
    played.prompt(store, 50, 16)
    naive.refresh(49)
    for now in range(50, 80):
        kept, whole = naive.step(now)
        got = played.play(store, now, now + 1, "token")
        torch.testing.assert_close(got, played.naive(kept, now, now + 1), **CLOSE)
        full.append(whole)
        if whole:
            naive.refresh(now)
    assert 0 < sum(full) < len(full) // 2
    if policy.schedule == "fixed":
        assert full[:8] == [False, False, False, True] * 2


def test_a_recycled_step_reads_its_budget_and_a_full_one_everything(tape):
    played = tape(60)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 50, 50)
    read = []
    for now in range(50, 58):
        cut = slice(now, now + 1)
        played.play(store, now, now + 1, "token")
        store.truncate(torch.tensor([now]))
        store.append(played.k_BGTD[:, :, cut], played.v_BGTD[:, :, cut], played.pos_BT[:, cut])
        parts = list(store.read(played.q_BHTD[:, :, cut], played.pos_BT[:, cut]))
        read.append(sum(len(part) for part in parts))
        store.truncate(torch.tensor([now]))
        played.play(store, now, now + 1, "token")
    assert read == [12, 12, 12, 54, 12, 12, 12, 58]


def test_more_new_tokens_than_the_budget_leave_the_latest(tape):
    played = tape(60)
    store = replace(SMALL, budget=3, stride=20).open(played.page.layer)
    played.prompt(store, 50, 50)
    for now in range(50, 57):
        got = played.play(store, now, now + 1, "token")
    kept = {(0, group): [54, 55] for group in range(2)}
    torch.testing.assert_close(got, played.naive(kept, 56, 57), **CLOSE)


def test_it_goes_back_to_the_end_of_the_prompt_but_not_behind_a_forgotten_step(tape):
    played = tape(80)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 50, 50)
    first = [played.play(store, now, now + 1, "token") for now in range(50, 68)]
    with pytest.raises(NotRewindable, match="position 53"):
        store.truncate(torch.tensor([56]))
    store.truncate(torch.tensor([50]))
    again = [played.play(store, now, now + 1, "token") for now in range(50, 68)]
    torch.testing.assert_close(again, first)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"stride": 0}, {"check": 0}, {"schedule": "often"}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least|fixed or similar"):
        RecycledAttention(**wrong)
