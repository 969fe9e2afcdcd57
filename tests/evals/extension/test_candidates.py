"""Names become method strings that this model and length can use."""

import pytest

from longspan.core.discover import entries
from longspan.core.errors import InputError
from longspan.evals.extension.candidates import APART, AUTO, SETTINGS, candidates, method_of
from longspan.models.method import Method

HERE = {entry.name for entry in entries()}
EXTENDING = [e.name for e in entries() if e.seam in ("rope", "positions") and e.name in SETTINGS]


@pytest.mark.parametrize(("window", "length"), [(512, 1024), (8192, 16384), (8192, 100_000), (32768, 131072)])
def test_candidates_are_those_here_and_all_of_them_extend(window, length):
    made = candidates(["auto"], window, length)
    assert len(made) == len([name for name in AUTO if name in HERE]) >= 4
    assert all(Method.parse(text).extends for text in made)


def test_all_are_all_that_extend_by_themselves_and_none_is_named_twice():
    names = {e.name for e in entries() if e.seam in ("rope", "positions")} - set(APART)
    made = candidates(["yarn", "all", "auto"], 8192, 16384)
    assert {text.split("=")[1].split(":")[0] for text in made} == names
    assert len(made) == len(names)
    assert made[0].startswith("rope=yarn")


@pytest.mark.parametrize(("window", "length"), [(512, 1024), (8192, 16384), (8192, 100_000)])
def test_parallel_windows_leave_room_for_what_follows_them(window, length):
    made = Method.parse(method_of("pcw", window, length)).positions
    behind = length - made.windows * (made.window - 1)
    assert made.window + behind <= window + made.windows
    assert behind > min(1024, window // 4) - made.windows


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


def test_what_a_search_found_is_part_of_auto_and_is_what_its_name_means():
    found = {"longrope": "rope=longrope:factor=2,long=1|2"}
    assert candidates(["auto"], 8192, 16384, found)[-1] == candidates(["longrope"], 8192, 16384, found)[0]
    assert candidates(["all"], 8192, 16384, found)[-1] == found["longrope"]
    assert found["longrope"] not in candidates(["auto", "all"], 8192, 16384)
