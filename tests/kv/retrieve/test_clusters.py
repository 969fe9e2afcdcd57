"""K-means finds what is there, and leaves no vector with a centre that is not its nearest."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.retrieve.clusters import clustered, nearest, sums


def test_clouds_far_apart_are_found():
    generator = torch.Generator().manual_seed(1)
    centres = 100 * torch.randn(2, 5, 3, generator=generator)
    belongs = torch.randint(5, (2, 200), generator=generator)
    x = centres.gather(1, belongs[..., None].expand(-1, -1, 3)) + torch.randn(2, 200, 3, generator=generator)
    found, labels = clustered(x, 5, rounds=50)
    for head in range(2):
        for cloud in range(5):
            own = labels[head, belongs[head] == cloud]
            assert (own == own[0]).all()
            torch.testing.assert_close(found[head, own[0]], x[head, belongs[head] == cloud].mean(0), atol=1e-3, rtol=0)


def test_at_the_end_every_vector_is_with_its_nearest_centre_and_every_centre_is_a_mean():
    x = torch.randn(3, 5000, 4, generator=torch.Generator().manual_seed(2))
    centres, labels = clustered(x, 6, rounds=1000)
    assert torch.equal(labels, torch.cdist(x, centres).argmin(-1))
    total, size = sums(x, labels, 6)
    assert int(size.sum()) == 15000
    torch.testing.assert_close(total / size[..., None], centres, atol=1e-4, rtol=1e-4)


def test_rounds_never_make_it_worse():
    x = torch.randn(1, 300, 4, generator=torch.Generator().manual_seed(3))
    losses = []
    for rounds in range(6):
        centres, labels = clustered(x, 12, rounds=rounds)
        losses.append(float((x - centres.gather(1, labels[..., None].expand(-1, -1, 4))).square().sum()))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("count", [1, 7])
def test_as_many_centres_as_different_vectors_or_more_cost_nothing(count):
    x = torch.tensor([[[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 3])[:, : 4 if count == 1 else 7]
    centres, labels = clustered(x, count, rounds=5)
    torch.testing.assert_close(centres.gather(1, labels[..., None].expand(-1, -1, 2)), x)
    assert torch.equal(nearest(x, centres), labels)
