"""Stored tokens in one safetensors file that says what it holds and notices when it was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from longspan.core.errors import InputError
from longspan.kv.reuse.snapshot import Snapshot

T = TypeVar("T")
LAYOUT = "2"
"""Version of the file's layout, and of the states that stores write."""
MARK = "longspan stored tokens"
"""The entry of the file's metadata that holds the layout."""
PIECE = 1 << 20
"""Bytes of a file that are read at a time."""
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Names of tensor types in a safetensors file."""


def write(path: Path, snapshot: Snapshot, about: Mapping[str, object], logits_V: Tensor) -> None:
    """Write stored tokens, what they are about as JSON can hold it, and the logits that prove them.

    Tensors are gathered one by one, so that tokens which rest on a disk are never in memory together. Raises OSError
    when the disk does not take it.
    """
    tensors = {"text": snapshot.text_BT, "pos": snapshot.pos_BT, "logits": logits_V}
    for index, state in snapshot.layers.items():
        tensors |= {f"layer.{index}.{name}": part for name, part in state.items()}
    said = json.dumps({**about, "profile": snapshot.profile}, ensure_ascii=False)
    header: dict[str, object] = {
        "__metadata__": {MARK: LAYOUT, "about": said, "sha256": _digest(said, tensors, _gathered)}
    }
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)  # so that each begins at a multiple of it
    ends = list(accumulate((part.nbytes for _, part in ordered), initial=0))
    for (name, part), place in zip(ordered, pairwise(ends), strict=True):
        header[name] = {"dtype": DTYPES[part.dtype], "shape": list(part.shape), "data_offsets": place}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, part in ordered:
            file.writelines(_gathered(name, part))


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
    if _digest(text, tensors, _on_disk(path)) != said["sha256"]:
        raise InputError(f"{path} was damaged or changed after it was made: it is not used")
    layers: dict[int, dict[str, Tensor]] = {}
    for name, part in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "layer":
            index, _, own = rest.partition(".")
            layers.setdefault(int(index), {})[own] = part
    return said, Snapshot(tensors["text"], tensors["pos"], said["profile"], layers), tensors["logits"]


def _gathered(name: str, part: Tensor) -> Iterable[memoryview]:
    """The bytes of a tensor, wherever it lies."""
    data: memoryview = part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    return [data]


def _on_disk(path: Path) -> Callable[[str, Tensor], Iterable[bytes]]:
    """The bytes of a file's tensors, read piece by piece: what is read through its map would count as memory held."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))

    def pieces(name: str, part: Tensor) -> Iterable[bytes]:
        start, end = header[name]["data_offsets"]
        with path.open("rb") as file:
            file.seek(8 + size + start)
            for at in range(start, end, PIECE):
                yield file.read(min(PIECE, end - at))

    return pieces


def _digest(said: str, tensors: Mapping[str, Tensor], data: Callable[[str, Tensor], Iterable[Any]]) -> str:
    """Hex sha256 of all that a file holds; `data`: the bytes of a tensor."""
    total = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        part = tensors[name]
        total.update(f"\n{name} {part.dtype} {tuple(part.shape)}\n".encode())
        for piece in data(name, part):
            total.update(piece)
    return total.hexdigest()
