"""Untrained LongSpec drafts for tiny models."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from longspan.core.types import Ends
from longspan.draft.glide import Glide


def ends_of(model) -> Ends:
    with model.open() as session:
        session.prefill([[1]])
        return session.ends()


def untrained(ends, *, inner=96) -> Glide:
    torch.manual_seed(0)
    width = ends.embed(torch.tensor([[1]])).shape[-1]
    return Glide(ends.layer, width=width, inner=inner)


def saved(draft, folder) -> Path:
    file = folder / "draft.safetensors"
    save_file({name: weight.contiguous() for name, weight in draft.state_dict().items()}, file)
    return file
