"""Stored tokens in one safetensors file that says what it holds and notices when it was changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from longspan.core.errors import InputError
from longspan.kv.reuse.snapshot import Snapshot

T = TypeVar("T")
LAYOUT = "2"
"""Version of the file's layout, and of the states that stores write."""
MARK = "longspan stored tokens"
"""The entry of the file's metadata that holds the layout."""


def write(path: Path, snapshot: Snapshot, about: Mapping[str, object], logits_V: Tensor) -> None:
    """Write stored tokens, what they are about as JSON can hold it, and the logits that prove them.

    Raises OSError when the disk does not take it.
    """
    tensors = {"text": snapshot.text_BT, "pos": snapshot.pos_BT, "logits": logits_V}
    for index, state in snapshot.layers.items():
        tensors |= {f"layer.{index}.{name}": part for name, part in state.items()}
    tensors = _apart({name: part.detach().cpu().contiguous() for name, part in tensors.items()})
    said = json.dumps({**about, "profile": snapshot.profile}, ensure_ascii=False)
    metadata = {MARK: LAYOUT, "about": said, "sha256": _digest(said, tensors)}
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def about(path: Path) -> dict[str, Any]:
    """What a file says of itself, from its header alone; InputError for a file that is not one of ours."""
    return _opened(path, lambda file: _said(path, file)[0])


def read(path: Path) -> tuple[dict[str, Any], Snapshot, Tensor]:
    """What a file says of itself, its stored tokens, mapped and not copied, and logits; InputError where changed."""
    return _opened(path, lambda file: _read(path, file))


def _opened(path: Path, use: Callable[[Any], T]) -> T:
    try:
        with safe_open(path, framework="pt") as file:
            return use(file)
    except SafetensorError as error:
        raise InputError(
            f"{path} is no whole file of stored tokens ({error}): it was cut off, or is another"
        ) from error
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is not laid out as a file of stored tokens ({error!r})") from error


def _said(path: Path, file: Any) -> tuple[dict[str, Any], str]:
    metadata = file.metadata() or {}
    if MARK not in metadata:
        raise InputError(f"{path} is a safetensors file, but not one of stored tokens")
    if metadata[MARK] != LAYOUT:
        raise InputError(
            f"{path} has layout {metadata[MARK]!r} and this longspan reads layout {LAYOUT}: "
            "add the document again with this longspan"
        )
    said = json.loads(metadata["about"])
    return {**said, "sha256": metadata["sha256"]}, metadata["about"]


def _read(path: Path, file: Any) -> tuple[dict[str, Any], Snapshot, Tensor]:
    said, text = _said(path, file)
    names: list[str] = file.keys()
    tensors = {name: file.get_tensor(name) for name in names}
    if _digest(text, tensors) != said["sha256"]:
        raise InputError(f"{path} was damaged or changed after it was made: it is not used")
    layers: dict[int, dict[str, Tensor]] = {}
    for name, part in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "layer":
            index, _, own = rest.partition(".")
            layers.setdefault(int(index), {})[own] = part
    return said, Snapshot(tensors["text"], tensors["pos"], said["profile"], layers), tensors["logits"]


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same in memory of their own, as safetensors wants them."""
    taken: dict[int, str] = {}
    for name, part in tensors.items():
        taken.setdefault(part.untyped_storage().data_ptr(), name)
    own = set(taken.values())
    return {name: part if name in own else part.clone() for name, part in tensors.items()}


def _digest(said: str, tensors: Mapping[str, Tensor]) -> str:
    """Hex sha256 of all that a file holds."""
    total = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        part = tensors[name]
        total.update(f"\n{name} {part.dtype} {tuple(part.shape)}\n".encode())
        total.update(part.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
