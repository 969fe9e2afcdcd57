"""Giraffe's power basis multiplies the frequency of pair i of n by a power of 1 - i/n."""

from __future__ import annotations

import pytest

from longspan.core.errors import InputError
from longspan.rope.giraffe_power import GiraffePower

from .ropes import MODELS, rope


@pytest.mark.parametrize(("power", "factor"), [(0.5, 1.0), (0.1, 4.0), (2.0, 1.0), (0.0, 2.0)])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_the_equation(name, power, factor):
    dim, base, window = MODELS[name]
    n = dim // 2
    want = [base ** (-i / n) / factor * (1 - i / n) ** power for i in range(n)]
    assert GiraffePower(power, factor)(rope(name), window).frequencies_P.tolist() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"), [({"power": -0.1}, "power=-0.1 is below 0"), ({"factor": 0.5}, "factor=0.5 is below 1")]
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=f"GiraffePower: {message}"):
        GiraffePower(**settings)
