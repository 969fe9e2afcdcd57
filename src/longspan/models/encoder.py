"""Sentence vectors from a BERT-like model: the mean of its last states. https://arxiv.org/abs/1908.10084"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from longspan.models.encoding import Encoding

BATCH = 4096
"Tokens of a batch with its padding: more is not faster on a processor."


def _as_trained() -> Encoding:
    # Inside, because whoever only imports this module shall not wait for torch.
    from longspan.models.encoding import Encoding

    return Encoding()


@dataclass(frozen=True)
class SentenceEncoder:
    """A sentence encoder such as all-MiniLM-L6-v2, read from a Hugging Face folder when first used."""

    folder: Path
    "Holds config.json, safetensors and the tokenizer."
    encoding: Encoding = field(default_factory=_as_trained)
    """How long texts are read. One that exceeds what is read at once is read in several windows, and its vector is the
    mean over all its tokens: nothing is cut off."""

    def __post_init__(self) -> None:
        if not (self.folder / "config.json").is_file():
            raise InputError(f"{self.folder} holds no encoder (no config.json): name the folder of a sentence encoder")

    @cached_property
    def digest(self) -> str:
        """Sha256 of the weights, the tokenizer and the settings that change the vectors."""
        total = hashlib.sha256(f"mean {self.encoding!r} {self._dtype}".encode())
        for path in sorted([*self.folder.glob("*.json"), *self.folder.glob("*.safetensors")]):
            with path.open("rb") as file:
                total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, [texts, dimensions]."""
        import torch

        windows, owners = self._windows(texts)
        model = self._model
        sums = torch.zeros(len(texts), model.config.hidden_size)
        lengths = torch.zeros(len(texts), 1)
        done = 0
        for batch in self._batches([len(window) for window in windows]):
            states = self._sum_of_states([windows[item] for item in batch])
            owner = torch.tensor([owners[item] for item in batch])
            sums.index_add_(0, owner, states)
            lengths.index_add_(0, owner, torch.tensor([[float(len(windows[item]))] for item in batch]))
            done += len(batch)
            progress("encode", len(texts) * done // len(windows), len(texts), "texts")
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(sums / lengths).numpy()
        return vectors

    def _windows(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """Return the token ids of every window and the text each belongs to."""
        if not texts:
            return [], []
        reach = self.encoding.embed.reach(self._trained)
        tokens = self._tokenizer(
            list(texts), truncation=True, max_length=reach, return_overflowing_tokens=True, verbose=False
        )
        return tokens["input_ids"], tokens["overflow_to_sample_mapping"]

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield batches of windows, those beyond the trained window apart: the others do not depend on them."""
        for beyond in (True, False):
            chosen = [item for item, length in enumerate(lengths) if (length > self._trained) is beyond]
            for batch in batches([lengths[item] for item in chosen]):
                yield [chosen[item] for item in batch]

    def _sum_of_states(self, windows: list[list[int]]) -> torch.Tensor:
        """Return the sum of the last states over each window's own tokens, [windows, dimensions]."""
        import torch

        from longspan.models import far

        device = self._model.device
        longest = max(map(len, windows))
        ids = torch.tensor([window + [0] * (longest - len(window)) for window in windows], device=device)
        mask = torch.tensor([[1] * len(window) + [0] * (longest - len(window)) for window in windows], device=device)
        with torch.inference_mode():
            if longest > self._trained:
                states = far.read(self._model, self.encoding, ids, mask)
            else:
                states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            total: torch.Tensor = (states.float() * mask[..., None]).sum(1).cpu()
        return total

    @cached_property
    def _trained(self) -> int:
        """Tokens of the window the encoder was trained on."""
        from longspan.models import far

        return far.window_of(self._model)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder, local_files_only=True)

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModel
        from transformers.utils import logging as transformers_logging

        from longspan.models import far

        logging: Any = transformers_logging

        bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            model = AutoModel.from_pretrained(
                self.folder, dtype=self._dtype, local_files_only=True, use_safetensors=True
            )
        finally:
            if bars:
                logging.enable_progress_bar()
        far.check(model, self.encoding)
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _dtype(self) -> torch.dtype:
        """bfloat16 where the hardware multiplies it (three times as fast here), else float32."""
        import torch

        from longspan.core.processor import multiplies_bfloat16

        if torch.cuda.is_available():
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        return torch.bfloat16 if multiplies_bfloat16() else torch.float32


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches of items of like length, longest first, each at most BATCH tokens when padded."""
    batch: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda item: -lengths[item]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > BATCH:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
