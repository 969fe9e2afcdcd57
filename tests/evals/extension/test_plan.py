"""A plan says what it cannot measure, and a folder holds one run."""

from dataclasses import replace

import pytest

from longspan.core.errors import InputError
from longspan.evals.extension.plan import Plan, lengths_of

PLAN = Plan(
    model="m",
    digest="0",
    method="auto",
    length=1024,
    window=512,
    lengths=(256, 512, 1024),
    documents=3,
    needles=2,
    seed=0,
    text="t",
)


@pytest.mark.parametrize("window", [63, 500, 512, 8192])
@pytest.mark.parametrize("times", [1.5, 2, 3, 16])
def test_lengths_lie_within_and_beyond_the_window_and_end_where_they_must(window, times):
    length = int(window * times)
    made = lengths_of(window, length)
    assert made == tuple(sorted(set(made)))
    assert made[-1] == length
    assert sum(each <= window for each in made) == 3
    assert sum(each > window for each in made) >= 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"length": 512}, "within the window"),
        ({"documents": 1}, "at least 2"),
        ({"lengths": (600, 1024)}, "one within the window"),
        ({"lengths": (256, 512)}, "end at --to 1,024"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes, why):
    with pytest.raises(InputError, match=why):
        replace(PLAN, **changes)


def test_a_folder_is_entered_again_only_by_the_same_work_and_when_asked(tmp_path):
    PLAN.start(tmp_path / "run", resume=False)
    with pytest.raises(InputError, match="add --resume"):
        PLAN.start(tmp_path / "run", resume=False)
    replace(PLAN, device="cuda bfloat16", versions={"torch": "9"}).start(tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="other settings"):
        replace(PLAN, seed=1).start(tmp_path / "run", resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(InputError, match="other files"):
        PLAN.start(tmp_path / "full", resume=True)
    (tmp_path / "run/extend.json").write_text("{")
    with pytest.raises(InputError, match="cannot read"):
        PLAN.start(tmp_path / "run", resume=True)
