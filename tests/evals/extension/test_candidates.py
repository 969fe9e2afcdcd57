"""Names become method strings that this model and length can use."""

import pytest

from longspan.core.discover import entries
from longspan.core.errors import InputError
from longspan.evals.extension.candidates import AUTO, SETTINGS, candidates, method_of
from longspan.models.method import Method

HERE = {entry.name for entry in entries()}
EXTENDING = [e.name for e in entries() if e.seam in ("rope", "positions") and e.name in SETTINGS]


@pytest.mark.parametrize(("window", "length"), [(512, 1024), (8192, 16384), (8192, 100_000), (32768, 131072)])
def test_candidates_are_those_here_and_all_of_them_extend(window, length):
    made = candidates(window, length)
    assert len(made) == len([name for name in AUTO if name in HERE]) >= 4
    assert all(Method.parse(text).extends for text in made)


@pytest.mark.parametrize("name", EXTENDING)
def test_settings_of_a_name_are_settings_it_has(name):
    assert name in method_of(name, 8192, 32768)


def test_self_extend_keeps_distances_within_two_thirds_of_the_window():
    for window, length in ((512, 1024), (8192, 100_000)):
        made = Method.parse(method_of("self_extend", window, length)).positions
        assert made.window + (length - made.window) / made.group <= 2 / 3 * window + 1


def test_a_method_string_stays_as_it_is():
    assert method_of("rope=yarn:factor=3 kv=streaming_llm", 512, 1024) == "rope=yarn:factor=3 kv=streaming_llm"
    assert method_of("YaRN", 512, 1024) == "rope=yarn:factor=2"
    assert method_of("self-extend", 512, 1024).startswith("positions=self_extend:")


@pytest.mark.parametrize(
    ("text", "why"), [("yarm", "yarn"), ("pattern=a_shape", "beyond the window"), ("plain", "reach")]
)
def test_what_extends_nothing_is_told(text, why):
    with pytest.raises(InputError, match=why):
        method_of(text, 512, 1024)
