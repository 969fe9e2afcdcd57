import os
from pathlib import Path

import pytest

from longspan.documents.content import Limits
from longspan.documents.document import Skipped
from longspan.documents.tree import File, looks_minified, walk


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def found(root: Path, limits: Limits | None = None) -> list[str]:
    items = walk(root, limits=limits or Limits())
    return [item.path.removeprefix(f"{root.as_posix()}/") for item in items if isinstance(item, File)]


def skipped(root: Path, limits: Limits | None = None) -> dict[str, str]:
    items = walk(root, limits=limits or Limits())
    return {item.path.removeprefix(f"{root.as_posix()}/"): item.reason for item in items if isinstance(item, Skipped)}


def test_files_come_in_reading_order(tmp_path: Path) -> None:
    plant(
        tmp_path,
        dict.fromkeys(["chapter10.md", "chapter2.md", "Chapter1.md", "b/one.py", "a/deep/two.py", "a/x.py"], "x"),
    )
    assert found(tmp_path) == ["Chapter1.md", "chapter2.md", "chapter10.md", "a/x.py", "a/deep/two.py", "b/one.py"]


def test_names_start_with_the_directory_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"src/sub/file.py": "x"})
    monkeypatch.chdir(tmp_path)
    assert found(Path("src")) == ["sub/file.py"]
    assert [item.path for item in walk(Path("src/"), limits=Limits())] == ["src/sub/file.py"]
    assert [item.path for item in walk(Path("."), limits=Limits())] == ["src/sub/file.py"]


def test_gitignore_decides_as_in_git(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            ".gitignore": "*.log\n/build/\n!important.log\n!\n# comment\nnotes/*.txt\n",
            "a.log": "x",
            "important.log": "x",
            "build/out.py": "x",
            "src/build/kept.py": "x",
            "src/.gitignore": "!a.log\nsecret.py\n",
            "src/a.log": "x",
            "src/secret.py": "x",
            "secret.py": "x",
            "notes/a.txt": "x",
            "notes/sub/a.txt": "x",
        },
    )
    kept = {"important.log", "src/build/kept.py", "src/a.log", "secret.py", "notes/sub/a.txt"}
    assert set(found(tmp_path)) == kept | {".gitignore", "src/.gitignore"}
    ignored = {"a.log", "build/", "src/secret.py", "notes/a.txt"}
    assert skipped(tmp_path) == dict.fromkeys(ignored, "is ignored by .gitignore")


def test_a_file_cannot_return_from_an_ignored_directory(tmp_path: Path) -> None:
    plant(tmp_path, {".gitignore": "build/\n!build/kept.py\n", "build/kept.py": "x", "build/.gitignore": "!*\n"})
    assert found(tmp_path) == [".gitignore"]


def test_version_control_and_installed_packages_are_left_out(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            ".git/config": "x",
            ".hg/store": "x",
            "node_modules/a/i.js": "x",
            "env/pyvenv.cfg": "x",
            "env/a.py": "x",
            "c/__pycache__/a.pyc": "x",
            "a.py": "x",
        },
    )
    assert found(tmp_path) == ["a.py"]
    installed = "holds installed packages: name it to read it"
    assert skipped(tmp_path) == {"node_modules/": installed, "env/": installed, "c/__pycache__/": "holds compiled code"}


def test_links_out_of_the_directory_are_skipped_and_loops_end(tmp_path: Path) -> None:
    root = tmp_path / "root"
    plant(tmp_path, {"outside/secret.txt": "x", "root/a/b.txt": "x", "rootless.txt": "x"})
    (root / "file").symlink_to(tmp_path / "outside" / "secret.txt")
    (root / "sibling").symlink_to(tmp_path / "rootless.txt")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "self").symlink_to("self")
    (root / "gone").symlink_to("nowhere")
    (root / "again").symlink_to("a/b.txt")
    assert found(root) == ["a/b.txt"]
    outside = dict.fromkeys(["file", "sibling", "folder", "up"], "is a link that leads outside the named directory")
    assert skipped(root) == outside | dict.fromkeys(["gone", "a/self"], "is a link that leads nowhere")


def test_a_linked_gitignore_is_not_read(tmp_path: Path) -> None:
    plant(tmp_path, {"rules": "*.py\n", "root/a.py": "x"})
    (tmp_path / "root" / ".gitignore").symlink_to(tmp_path / "rules")
    assert found(tmp_path / "root") == ["a.py"]


def test_lock_minified_large_and_special_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": "x", "package-lock.json": "x", "app.min.js": "x", "big.txt": "x" * 101, "a.js": "x"})
    os.mkfifo(tmp_path / "pipe")
    limits = Limits(max_bytes=100)
    assert found(tmp_path, limits) == ["a.js"]
    assert skipped(tmp_path, limits) == {
        "uv.lock": "is a lock file: name it to read it",
        "package-lock.json": "is a lock file: name it to read it",
        "app.min.js": "is minified: name it to read it",
        "big.txt": "has 101 bytes, more than the limit of 100",
        "pipe": "is not a regular file",
    }


def test_very_deep_directories_are_walked(tmp_path: Path) -> None:
    folders = [f"{tmp_path}/{'d/' * depth}" for depth in range(1, 1_201)]
    for folder in folders:
        os.mkdir(folder)
    (Path(folders[-1]) / "a.txt").write_text("x")
    assert found(tmp_path) == ["d/" * 1_200 + "a.txt"]
    os.remove(f"{folders[-1]}a.txt")
    for folder in reversed(folders):  # pytest's own clean-up gives up on directories this deep
        os.rmdir(folder)


@pytest.mark.parametrize(("text", "minified"), [("x = 1;" * 200, True), ("x = 1;\n" * 200, False), ("short", False)])
def test_minified_code_is_told_by_its_lines(text: str, minified: bool) -> None:
    assert looks_minified(text) is minified
