"""What the archive knows of documents that a model has read and need not read again."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from longspan import __version__
from longspan.archive.digest import digest_of
from longspan.core.errors import InputError
from longspan.kv.reuse.snapshot import names_of

if TYPE_CHECKING:
    from longspan.models.model import Model

ROOM = 1024
"""Tokens of question and reply that a reading is planned for where its rotations depend on length."""


@dataclass(frozen=True, slots=True)
class Cached:
    """Stored tokens of one or more documents, as their file describes them."""

    key: str
    """Digest of the tokens and of everything they were read under."""
    files: list[str]
    """Names of the documents, in the order they were read."""
    digests: list[str]
    """SHA-256 of each file."""
    model: str
    """The model's name."""
    weights: str
    """Digest of its configuration and weights."""
    dtype: str
    method: str
    """Method string; empty for the plain one."""
    profile: str
    """Digest of the rotations."""
    tokens: int
    """Tokens stored: the documents and what the prompt puts before them."""
    probe: int
    """The token whose logits prove the stored tokens."""
    machine: str
    """Digest of the machine and software that made it: where they are the same, logits are equal to the bit."""
    made: str
    """When, UTC."""
    versions: dict[str, str]
    """Of the software that made it."""
    sha256: str = ""
    """Digest of all that the file holds; empty before it is written."""

    @property
    def length(self) -> int:
        """Tokens that the request was planned for, where its rotations depend on that."""
        return self.tokens + ROOM

    def begins(self, tokens: Sequence[int]) -> bool:
        """Whether a text begins with the stored one."""
        own = key_of(tokens[: self.tokens], self.weights, self.dtype, self.method, self.profile)
        return self.tokens <= len(tokens) and own == self.key


def key_of(tokens: Sequence[int], *under: str) -> str:
    """The key of tokens that were read under these weights, precision, method and rotations."""
    (key,) = names_of("\n".join(under), tokens, [len(tokens)])
    return key


def cached_of(about: Mapping[str, object], path: Path) -> Cached:
    """Check what a file says of itself; InputError where that cannot be so."""
    given: dict[str, Any] = {field.name: about.get(field.name) for field in fields(Cached)}
    hints = get_type_hints(Cached)
    for name, value in given.items():
        if not _is_a(value, hints[name]):
            raise InputError(f"{path} says {value!r} for its {name}: it is not used")
    if not re.fullmatch(r"[0-9a-f]{64}", given["key"]):
        raise InputError(f"{path} says {given['key']!r} for its key, which is no digest: it is not used")
    return Cached(**given)


def _is_a(value: object, kind: Any) -> bool:
    """Whether a value read from JSON has a field's type; text that could move a terminal's cursor has not."""
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind is str:
        return isinstance(value, str) and value.isprintable()
    if kind == list[str]:
        return isinstance(value, list) and all(_is_a(part, str) for part in value)
    assert kind == dict[str, str]
    return isinstance(value, dict) and all(_is_a(part, str) for pair in value.items() for part in pair)


def machine_of(model: Model) -> str:
    """Digest of all that the last bits of a logit depend on, the model itself apart."""
    import torch

    device = torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else model.device.type
    processor = f"{platform.node()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return digest_of(processor, device, str(torch.get_num_threads()), *versions().values())


def versions() -> dict[str, str]:
    """Versions of the software that computes."""
    from importlib.metadata import version

    return {"longspan": __version__, "torch": version("torch"), "transformers": version("transformers")}
