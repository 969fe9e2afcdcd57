"""Files of blocks lie where a user wants them, and otherwise where there is a disk."""

import tempfile
from pathlib import Path

import pytest
import torch

from longspan.kv.offload.rest import Disk, resting, temporary


def block(number):
    """Tensors of several types and sizes, none of them a multiple of what a file is aligned to."""
    return torch.full((1, 3, 5), number / 7), torch.tensor([number, -number]), torch.full((3,), number).byte()


@pytest.mark.parametrize("tier", ["host", "disk"])
def test_what_rests_is_handed_on_and_comes_back_in_order(tmp_path, monkeypatch, tier):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    first, second, third = (resting(tier) for _ in range(3))
    for number in range(20):
        first.push(block(number))
    second.load(first.state())
    for number in range(20, 23):
        second.push(block(number))
    third.load(second.state())
    third.push(block(23))
    assert [len(each) for each in (first, second, third)] == [20, 23, 24]
    torch.testing.assert_close([third[index] for index in range(24)], [block(number) for number in range(24)])
    torch.testing.assert_close([third.pop() for _ in range(24)][::-1], [block(number) for number in range(24)])
    assert (len(third), len(second), third.state()) == (0, 23, {})


@pytest.mark.parametrize("named", ["", "missing"])
def test_files_lie_on_a_disk_where_nothing_usable_is_named(tmp_path, monkeypatch, named):
    monkeypatch.setenv("TMPDIR", named and str(tmp_path / named))
    assert temporary() in (Path("/var/tmp"), Path(tempfile.gettempdir()))


def test_files_lie_where_they_are_wanted_and_go_with_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert temporary() == tmp_path
    blocks = Disk()
    assert len(list(tmp_path.iterdir())) == 1
    del blocks
    assert not list(tmp_path.iterdir())
