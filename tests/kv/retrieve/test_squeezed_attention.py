"""Squeezed Attention reads the clusters above its threshold, as a loop written from the paper and its code says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.retrieve.squeezed_attention import SqueezedAttention

SMALL = SqueezedAttention(clusters=0.2, quantile=0.7, observation=10)
TWO = replace(SMALL, coarse=0.06, coarse_quantile=0.4)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def score(played, t, h, key, groups, alive):
    """What a token of a cluster with mean `key` may expect of query `t` of head `h`, among clusters (mean, tokens)."""
    q, scale = played.q_BHTD[0, h, t], played.page.scale
    total = sum(n * math.exp(float(q @ mean) * scale) for mean, n in (groups[i] for i in alive))
    return math.exp(float(q @ key) * scale) / total


def mean_score(played, queries, heads, key, groups, alive):
    each = [score(played, t, h, key, groups, alive) for t in queries for h in heads]
    return sum(each) / len(each)


def levels(played, store, length, policy):
    """Clusters as the store found them: for each level and head the mean and the tokens of every cluster."""
    found, keys = store._rows[0]._levels, played.k_BGTD[0]
    fine, cut = found[-1].labels_GN, length - policy.observation
    heads = range(keys.shape[0])
    members = [[[s for s in range(cut) if fine[g, s] == c] for c in range(int(fine.max()) + 1)] for g in heads]
    means = [[keys[g, own].mean(0) for own in members[g]] for g in heads]
    below = [(members, means)]
    if policy.coarse:
        labels = found[0].labels_GN
        of = [[[c for c in range(labels.shape[1]) if labels[g, c] == top] for top in labels[g].unique()] for g in heads]
        above = [[[s for c in own for s in members[g][c]] for own in of[g]] for g in heads]
        above_means = [[torch.stack([means[g][c] for c in own]).mean(0) for own in of[g]] for g in heads]
        below.insert(0, (above, above_means))
    return below


def naive(played, found, length, queries, policy):
    """The clustered tokens that each head reads for these queries."""
    shared = played.q_BHTD.shape[1] // played.k_BGTD.shape[1]
    observed = range(length - policy.observation, length)
    quantiles = [policy.coarse_quantile, policy.quantile] if policy.coarse else [policy.quantile]
    kept = [set(range(length - policy.observation)) for _ in range(played.k_BGTD.shape[1])]
    for (members, means), quantile in zip(found, quantiles, strict=True):
        expected, asked = [], {}
        for g, clusters in enumerate(members):
            heads = range(g * shared, g * shared + shared)
            groups = [(mean, len(own)) for mean, own in zip(means[g], clusters, strict=True)]
            alive = [i for i, own in enumerate(clusters) if kept[g] & set(own)]
            for i, own in enumerate(clusters):
                expected += [mean_score(played, observed, heads, means[g][i], groups, range(len(groups)))] * len(own)
                if i in alive:
                    asked[g, i] = mean_score(played, queries, heads, means[g][i], groups, alive)
        threshold = torch.quantile(torch.tensor(expected), quantile)
        for g, clusters in enumerate(members):
            kept[g] = {s for i, own in enumerate(clusters) for s in own if asked.get((g, i), 0) > threshold}
    return kept


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (2, 1)])
@pytest.mark.parametrize("policy", [SMALL, TWO], ids=["one", "two"])
def test_the_loop_of_the_paper_reads_the_same_tokens(tape, policy, heads, kv_heads):
    played = tape(66, heads=heads, kv_heads=kv_heads, seed=2)
    store, share = policy.open(played.page.layer), []
    played.prompt(store, 60, 17)
    found = levels(played, store, 60, policy)
    for start, end, moment in [(60, 63, "prompt_end"), (63, 64, "token"), (64, 65, "token"), (65, 66, "token")]:
        kept = naive(played, found, 60, range(start, end), policy)
        seen = {(0, g): sorted(own) + list(range(50, start)) for g, own in enumerate(kept)}
        got = played.play(store, start, end, moment)
        torch.testing.assert_close(got, played.naive(seen, start, end), **CLOSE)
        share += [len(own) / 50 for own in kept]
    assert 0 < sum(share) / len(share) < 0.8


def test_only_what_was_clustered_is_read_sparsely_and_heads_read_different_numbers(tape):
    played = tape(320, heads=4, kv_heads=4)
    store = replace(SMALL, quantile=0.9).open(played.page.layer)
    played.prompt(store, 300, 300)
    cut = slice(300, 320)
    q, k, v = (x[:, :, cut] for x in (played.q_BHTD, played.k_BGTD, played.v_BGTD))
    store.append(k, v, played.pos_BT[:, cut])
    *clusters, near = store.read(q[:, :, :20], played.pos_BT[:, cut])
    assert near.pos_BGS[0, 0].tolist() == list(range(290, 320))
    assert len({len(part) for part in clusters}) > 1
    assert sum(len(part) for part in clusters) < 0.5 * 4 * 290


@pytest.mark.parametrize("policy", [replace(SMALL, quantile=0.0), replace(TWO, quantile=0.0, coarse_quantile=0.0)])
def test_a_threshold_of_nothing_reads_all_but_the_least(tape, policy):
    played = tape(61)
    store, full = policy.open(played.page.layer), Full().open(played.page.layer)
    for either in (store, full):
        played.prompt(either, 60, 20)
    for level in range(len(store._rows[0]._levels)):
        found = store._rows[0]._levels[level]
        store._rows[0]._levels[level] = replace(found, threshold=0.0)
    torch.testing.assert_close(*(played.play(either, 60, 61, "token") for either in (store, full)), **CLOSE)


def test_a_prompt_within_the_observation_window_is_read_whole_and_the_next_is_clustered(tape):
    played = tape(80)
    store = SMALL.open(played.page.layer)
    played.prompt(store, 10, 10)
    assert not store._rows[0]._levels
    played.play(store, 10, 60, "prompt_end")
    assert store._rows[0]._levels[0].labels_GN.shape == (2, 50)
    with pytest.raises(NotRewindable, match="60 tokens"):
        store.truncate(torch.tensor([59]))


@pytest.mark.parametrize(
    "wrong", [{"clusters": 0.0}, {"coarse": 0.05}, {"quantile": 1.5}, {"coarse_quantile": -1}, {"observation": 0}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least|0 to 1"):
        SqueezedAttention(**wrong)
