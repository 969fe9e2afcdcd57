"""Files of blocks lie where a user wants them, and otherwise where there is a disk."""

import tempfile
from pathlib import Path

import pytest

from longspan.kv.offload.rest import Disk, temporary


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
