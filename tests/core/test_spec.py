"""Method strings build values, values spell the same strings, and mistakes are answered with what exists."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longspan.core.discover import entries
from longspan.core.errors import InputError
from longspan.core.spec import build, parse, spell

FILES = {
    "rope/yarn": '''
class Yarn:
    """YaRN: stretch slow waves. https://arxiv.org/abs/2309.00071"""
    factor: float
    """Times the trained window (s)."""
    ramp: tuple[int, int] = (1, 32)
    """Rotations."""
    attention: bool = True
    """Whether to scale logits."""
    note: str = ""
    """Free words."""
    limit: int | None = None
    """Tokens."""
    weights: tuple[float, ...] = ()
    """Weights."""

    def __post_init__(self):
        if self.factor < 1:
            raise ValueError(f"factor is {self.factor}: it must be at least 1")
''',
    "kv/full": 'class Full:\n    """Full: every token is kept."""\n    def open(self, layer): ...\n',
    "kv/eviction": '''
from mini.kv.split.uniform import Uniform
class Eviction:
    """Eviction: forget the tokens of low score."""
    score: object
    """What is kept."""
    budget: int = 1024
    """Tokens kept (B)."""
    split: object = field(default_factory=lambda: Uniform(floor=0.1))
    """How it is divided."""
    moment: Literal["prompt_end", "chunk"] = "prompt_end"
    """When."""
    def open(self, layer): ...
''',
    "kv/evict/snapkv": '''
class SnapKV:
    """SnapKV: keep what the end of the prompt looks at. https://arxiv.org/abs/2404.14469"""
    window: int = 32
    """Queries that vote (L_obs)."""
''',
    "kv/evict/greedy": '''
class Greedy:
    """Greedy: has a budget of its own."""
    budget: int = 7
    """A budget."""
''',
    "kv/split/uniform": '''
class Uniform:
    """Uniform: the same for every head."""
    floor: float = 0.0
    """Least share."""
''',
    "kv/split/adakv": '''
class AdaKV:
    """AdaKV: more for heads that look around. https://arxiv.org/abs/2407.11550"""
    floor: float = 0.2
    """Least share (alpha)."""
    window: int = 5
    """A clash with the score."""
''',
}
HEAD = "from __future__ import annotations\nfrom dataclasses import dataclass, field\nfrom typing import Literal\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("src")
    for name, source in FILES.items():
        path = folder / "mini" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            HEAD
            + source.replace("\nclass ", "\n@dataclass(frozen=True)\nclass ", 1).replace(
                "class Full", "@dataclass(frozen=True)\nclass Full"
            )
        )
    sys.path.insert(0, str(folder))
    yield folder / "mini"
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "mini"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def made(root):
    def make(name, **fields):
        entry = next(e for e in entries(root) if e.name == name)
        return getattr(import_module(entry.module), entry.class_name)(**fields)

    return make


def test_settings_go_to_the_score_its_host_and_the_split(root, made):
    value = build("kv", "snapkv:budget=2k,window=16,split=adakv,floor=0.3", root=root)
    want = made("eviction", score=made("snapkv", window=16), budget=2048, split=made("adakv", floor=0.3))
    assert value == want


def test_a_clash_prefers_what_was_named_and_a_path_reaches_the_rest(root, made):
    assert build("kv", "snapkv:split=adakv,window=1,split.window=2", root=root) == made(
        "eviction", score=made("snapkv", window=1), split=made("adakv", window=2)
    )
    assert build("kv", "greedy:budget=1", root=root) == made("eviction", score=made("greedy", budget=1))
    assert build("kv", "eviction:score=greedy,budget=1,score.budget=2", root=root) == made(
        "eviction", score=made("greedy", budget=2), budget=1
    )


def test_a_default_part_keeps_the_settings_of_the_default(root, made):
    assert build("kv", "snapkv", root=root).split == made("uniform", floor=0.1)
    assert build("kv", "snapkv:split=uniform", root=root).split == made("uniform", floor=0.0)
    assert build("kv", "snapkv:floor=0.5", root=root).split == made("uniform", floor=0.5)


def test_every_kind_of_value_is_read(root, made):
    text = "rope=YaRN:factor=4,ramp=2|1_000,attention=false,note=a%20b,limit=1m,weights=0.5|1e-3"
    want = made("yarn", factor=4.0, ramp=(2, 1000), attention=False, note="a b", limit=1024**2, weights=(0.5, 0.001))
    assert parse(f"kv=full  {text}", root=root) == {"kv": made("full"), "rope": want}
    assert parse("", root=root) == {}
    assert parse("rope=yarn:factor=1,limit=none,weights=", root=root) == {"rope": made("yarn", factor=1.0)}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "kvv=full",
            "unknown seam 'kvv' in 'kvv=full': did you mean 'kv'? There are: draft, embed, kv, pattern, pos",
        ),
        ("kv=snapvk", "unknown kv method 'snapvk': did you mean 'snapkv'? There are: eviction, full, greedy, snapkv"),
        ("kv=", "unknown kv method ''"),
        ("snapkv", "'snapkv' names no seam: write kv=snapkv"),
        ("score=snapkv", "score is a part of a kv method; write it there, as in kv=NAME:score=snapkv"),
        ("kv=full kv=full", "kv= is given twice"),
        ("kv=snapkv:windo=3", "snapkv has no setting 'windo': did you mean 'window'?"),
        ("kv=snapkv:window", "'window' in 'snapkv:window' has no value: write field=value"),
        ("kv=snapkv:window=1,window=2", "'window' is given twice"),
        ("kv=snapkv:score=greedy", "snapkv is already the score"),
        ("kv=snapkv:split=ada", "unknown split method 'ada': did you mean 'adakv'?"),
        ("kv=snapkv:window=many", r"window of snapkv wants a whole number .* not 'many' \(Queries that vote"),
        ("kv=snapkv:moment=never", "wants one of prompt_end, chunk, not 'never'"),
        ("kv=eviction", r"eviction needs score= \(What is kept\)"),
        ("rope=yarn", r"yarn needs factor= \(Times the trained window \(s\)\)"),
        ("rope=yarn:factor=nan", "wants a number"),
        ("rope=yarn:factor=0.5", "yarn: factor is 0.5: it must be at least 1"),
        ("rope=yarn:factor=2,ramp=1", r"wants 2 values separated by \| .* not '1'"),
        ("rope=yarn:factor=2,attention=yes", "wants true or false"),
        ("rope=yarn:factor=2,limit=x", "wants a whole number .* or none"),
    ],
)
def test_a_mistake_is_answered_with_what_exists(root, text, answer):
    with pytest.raises(InputError, match=answer.replace("?", r"\?")):
        parse(text, root=root)


def test_only_what_differs_from_the_defaults_is_spelled(root, made):
    eviction, snapkv = made("eviction", score=made("snapkv")), made("snapkv", window=16)
    assert spell(eviction, root=root) == "kv=snapkv"
    assert spell(made("yarn", factor=4.0), root=root) == "rope=yarn:factor=4"
    assert spell({"kv": made("full"), "rope": made("yarn", factor=2.5)}, root=root) == "kv=full rope=yarn:factor=2.5"
    both = made("eviction", score=snapkv, budget=64, split=made("adakv", window=16))
    assert spell(both, root=root) == "kv=snapkv:window=16,budget=64,split=adakv,split.window=16"
    clash = made("eviction", score=made("greedy", budget=1), budget=2)
    assert spell(clash, root=root) == "kv=eviction:score=greedy,budget=2,score.budget=1"


def test_an_object_with_a_field_per_seam_spells_the_seams_that_are_not_its_defaults(root, made):
    @dataclass(frozen=True)
    class Choice:
        kv: object = field(default_factory=lambda: made("full"))
        rope: object = field(default_factory=lambda: made("yarn", factor=1.0))

    assert spell(Choice(), root=root) == ""
    choice = Choice(rope=made("yarn", factor=3.0))
    assert spell(choice, root=root) == "rope=yarn:factor=3"
    assert Choice(**parse(spell(choice, root=root), root=root)) == choice


@pytest.mark.parametrize("value", [3, object(), "kv=full"])
def test_what_no_string_says_is_refused(root, value):
    with pytest.raises(ValueError, match="has no method string"):
        spell(value, root=root)


def test_a_part_alone_and_a_stranger_inside_are_refused(root, made):
    for value in (made("snapkv"), made("eviction", score=object())):
        with pytest.raises(ValueError, match="has no method string"):
            spell(value, root=root)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    factor=st.floats(min_value=1, allow_nan=False),
    ramp=st.tuples(st.integers(), st.integers()),
    note=st.text(max_size=6),
    weights=st.lists(st.floats(allow_nan=False), max_size=3).map(tuple),
    limit=st.none() | st.integers(),
)
def test_spelling_then_parsing_gives_the_value_back(root, made, **fields):
    value = made("yarn", **fields)
    assert parse(spell(value, root=root), root=root) == {"rope": value}
