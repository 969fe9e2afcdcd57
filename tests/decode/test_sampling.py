"""Samplers give transformers' distributions, and every row its own draws."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from longspan.decode.sampling import Sampling, generators, probabilities, sample

SETTINGS = [
    Sampling(temperature=1.0),
    Sampling(temperature=0.3),
    Sampling(temperature=0.7, top_k=7),
    Sampling(temperature=1.0, top_k=5000),
    Sampling(temperature=1.0, top_p=0.8),
    Sampling(temperature=1.0, top_p=0.0),
    Sampling(temperature=1.5, min_p=0.2),
    Sampling(temperature=1.0, min_p=1.0),
    Sampling(temperature=0.9, repetition_penalty=1.7),
    Sampling(temperature=0.9, repetition_penalty=0.6),
    Sampling(temperature=0.8, top_k=40, top_p=0.9, min_p=0.05, repetition_penalty=1.2),
]


def logits(rows: int, vocabulary: int = 211, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed))


def texts(rows: int, vocabulary: int = 211) -> torch.Tensor:
    return torch.randint(0, vocabulary, (rows, 63), generator=torch.Generator().manual_seed(7))


def by_transformers(logits_BV, sampling, text_BT):
    processors = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature != 1:
        processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        processors.append(MinPLogitsWarper(sampling.min_p))
    return processors(text_BT, logits_BV.clone()).softmax(1)


@pytest.mark.parametrize("sampling", SETTINGS)
def test_distribution_equals_transformers(sampling):
    logits_BV, text_BT = logits(5), texts(5)
    before = logits_BV.clone()
    ours = probabilities(logits_BV, sampling, seen=list(text_BT))
    theirs = by_transformers(logits_BV, sampling, text_BT)
    assert torch.equal(ours > 0, theirs > 0)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    assert torch.equal(logits_BV, before)


def test_draws_follow_the_distribution():
    sampling, draws = Sampling(temperature=1.0, top_p=0.95, seed=3), 20_000
    logits_BV = logits(1, 24)
    expected_V = probabilities(logits_BV, sampling, seen=[])[0].double() * draws
    token_B = sample(logits_BV.expand(draws, -1), sampling, seen=[], generators=generators(sampling, [0]) * draws)
    counts_V = torch.bincount(token_B, minlength=24).double()
    kept_V = expected_V > 0
    assert counts_V[~kept_V].sum() == 0
    chi_square = ((counts_V - expected_V)[kept_V] ** 2 / expected_V[kept_V]).sum()
    degrees = int(kept_V.sum()) - 1
    assert degrees >= 5
    # Wilson and Hilferty: the value that chance exceeds once in a thousand runs.
    assert chi_square < degrees * (1 - 2 / (9 * degrees) + 3.09 * (2 / (9 * degrees)) ** 0.5) ** 3


def test_a_batch_gives_each_row_its_own_result():
    sampling = Sampling(temperature=1.0, top_k=50, repetition_penalty=1.3, seed=11)
    seeds, text_BT = [4, 0, 99], texts(3)
    together, alone = generators(sampling, seeds), [generators(sampling, [seed]) for seed in seeds]
    for step in range(20):
        logits_BV = logits(3, seed=step)
        batch = sample(logits_BV, sampling, seen=list(text_BT), generators=together)
        single = [
            sample(logits_BV[row : row + 1], sampling, seen=[text_BT[row]], generators=alone[row]) for row in range(3)
        ]
        assert torch.equal(batch, torch.cat(single))


def test_seed_decides_the_draws():
    logits_BV = logits(1).expand(1, -1)

    def draws(seed: int, own: int) -> list[int]:
        sampling = Sampling(temperature=2.0, seed=seed)
        source = generators(sampling, [own])
        return [int(sample(logits_BV, sampling, seen=[], generators=source)) for _ in range(12)]

    assert draws(1, 0) == draws(1, 0)
    assert draws(1, 0) != draws(2, 0)
    assert draws(1, 0) != draws(1, 1)


def test_greedy_takes_the_likeliest_and_draws_nothing():
    sampling = Sampling()
    source = generators(sampling, [0, 0])
    state = source[0].get_state()
    logits_BV = logits(2)
    assert torch.equal(sample(logits_BV, sampling, seen=[], generators=source), logits_BV.argmax(1))
    assert torch.equal(source[0].get_state(), state)
    probs_BV = probabilities(logits_BV, sampling, seen=[])
    assert torch.equal(probs_BV.argmax(1), logits_BV.argmax(1))
    assert torch.equal(probs_BV.sum(1), torch.ones(2))


def test_greedy_heeds_the_repetition_penalty():
    logits_BV = torch.tensor([[2.0, 1.9, -1.0]])
    sampling = Sampling(repetition_penalty=1.5)
    token = sample(logits_BV, sampling, seen=[torch.tensor([0, 0])], generators=[])
    assert token.tolist() == [1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": 1e-9},
        {"temperature": float("nan")},
        {"top_p": 1.1},
        {"top_k": -1},
        {"min_p": 2},
        {"repetition_penalty": 0},
        {"seed": -1},
    ],
)
def test_a_setting_out_of_range_names_the_range(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .*: give .* to \d"):
        Sampling(**wrong)
