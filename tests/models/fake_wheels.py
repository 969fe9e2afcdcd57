"""Small real wheels, and a download that takes them from memory and counts."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from longspan.models.catalog import File, Known, Part


class Index:
    """A package index: wheels by requirement. It can fail at one requirement, once."""

    def __init__(self) -> None:
        self.wheels: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.fails: dict[str, BaseException] = {}

    def add(self, requirement: str, members: dict[str, bytes]) -> None:
        self.wheels[requirement] = members

    def __call__(self, requirement: str, folder: Path) -> None:
        self.asked.append(requirement)
        failure = self.fails.pop(requirement, None)
        if failure is not None:
            (folder / "half.tmp").write_bytes(b"half")
            raise failure
        name, version = requirement.replace("-", "_").split("==")
        write_wheel(folder / f"{name}-{version}-py3-none-any.whl", self.wheels[requirement])


def write_wheel(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def file_of(name: str, pieces: Sequence[bytes], *, index: Index, package: str) -> File:
    """A file cut into pieces, one wheel each."""
    parts = []
    for number, piece in enumerate(pieces, 1):
        requirement, member = f"{package}-part{number}==1.0", f"{package.replace('-', '_')}/data/{number}.bin"
        index.add(requirement, {member: piece, "other.txt": b"not ours"})
        parts.append(Part(requirement, member, len(piece), 100))
    return File(name, hashlib.sha256(b"".join(pieces)).hexdigest(), tuple(parts))


def known_of(name: str, files: Sequence[File], *, terms: str = "") -> Known:
    """A known model made of files."""
    return Known(name, f"test/{name}", "a model for tests", "Apache-2.0", 512, 1000, tuple(files), terms)
