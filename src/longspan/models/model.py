"""A language model on this machine: weights, tokenizer, and the sessions that run it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from longspan.core.errors import InputError
from longspan.core.types import Progressive, Watch
from longspan.models import takeover
from longspan.models.digest import digest
from longspan.models.early import Pruned
from longspan.models.half import halve, is_halved, sizes
from longspan.models.lazy import Lazy
from longspan.models.method import Method
from longspan.models.placing import check_rotary
from longspan.models.precision import find_device, find_precision
from longspan.models.session import Session
from longspan.prune.plain import Plain

HERE = Path()
CUT = "\ue001"
"""Stands where a prompt is cut while the model's own format is put around it; a private-use character."""
BROKEN = {"<": "\u2039", "[": "\uff3b"}
"""What takes the place of a control token's first character in text that is not ours."""


class Model:
    """A transformers model and its tokenizer, ready to open sessions on."""

    def __init__(self, network: Any, tokenizer: Any, *, name: str, folder: Path = HERE) -> None:
        takeover.check(network)
        self.folder = folder
        self.network = network
        self.tokenizer = tokenizer
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto", dtype: str = "auto") -> Self:
        """Load a Hugging Face model directory; `auto` picks device and precision by rule.

        Raises InputError for a directory that holds no model or one without a rotary embedding, an unknown precision or
        device, or an attention that cannot be taken over.
        """
        check_rotary(folder)
        where = find_device(device)
        precision = find_precision(dtype, where, folder)
        before = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            network: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype="auto" if precision.halved else precision.dtype, attn_implementation="sdpa"
            )
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"cannot load a language model from {folder}: {reason}") from error
        finally:
            transformers_logging.set_verbosity(before)
        if precision.halved:
            halve(network)
        return cls(network.to(where).eval(), tokenizer, name=folder.name, folder=folder)

    @property
    def window(self) -> int:
        """Tokens the model was trained to read, prompt and reply together."""
        return int(self.network.get_decoder().config.max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.network.device
        return device

    @property
    def dtype(self) -> str:
        """Its precision, by name."""
        return "w16a32" if is_halved(self.network) else self.computing

    @property
    def computing(self) -> str:
        """What it computes in, by name, whatever its weights are."""
        return str(self.network.dtype).removeprefix("torch.")

    @cached_property
    def digest(self) -> str:
        """Name of its configuration and weights: of their files, or of themselves where it was made in memory."""
        if (self.folder / "config.json").is_file() and self.folder != HERE:
            return digest(self.folder)
        return _digest_of_weights(self.network)

    @cached_property
    def parameters(self) -> int:
        """Weights, shared ones counted once."""
        return sizes(self.network)[0]

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end a reply."""
        configured = self.network.generation_config.eos_token_id
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset(int(token) for token in [*listed, self.tokenizer.eos_token_id] if token is not None)

    @cached_property
    def _control(self) -> frozenset[str]:
        """Control tokens, those without a role of their own in the tokenizer's settings included."""
        added = self.tokenizer.added_tokens_decoder.values()
        return frozenset([*self.tokenizer.all_special_tokens, *(token.content for token in added if token.special)])

    def describe(self) -> str:
        """One line: name, size, precision, device, threads, window."""
        threads = f", {torch.get_num_threads()} threads" if self.device.type == "cpu" else ""
        size = f"{self.parameters / 1e6:.0f}M parameters"
        return f"{self.name}: {size}, {self.dtype} on {self.device}{threads}, window {self.window:,} tokens"

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, nothing added."""
        return list(self.tokenizer.encode(text, add_special_tokens=False, verbose=False))

    def count(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self.encode(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, the special ones left out."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def render(self, messages: Sequence[tuple[str, str]]) -> str:
        """The prompt of (role, content) messages in the model's own format, ready for its reply; a base model gets
        plain text. A last message of the assistant is the beginning of that reply.
        """
        if not self.tokenizer.chat_template:
            return (self.tokenizer.bos_token or "") + "\n\n".join(content for _, content in messages)
        begun = messages[-1][1] if messages and messages[-1][0] == "assistant" else ""
        listed = [{"role": role, "content": content} for role, content in messages[: -1 if begun else None]]
        return str(self.tokenizer.apply_chat_template(listed, tokenize=False, add_generation_prompt=True)) + begun

    def harmless(self, text: str) -> str:
        """The text with control tokens that a hostile document spells out broken, character count unchanged."""
        for token in self._control:
            if len(token) > 1:
                text = text.replace(token, BROKEN.get(token[0], "\u200b") + token[1:])
        return text

    def chat(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of (role, content) messages, ready for the model's reply."""
        return self.encode(self.render([(role, self.harmless(content)) for role, content in messages]))

    def chat_apart(self, messages: Sequence[tuple[str, str, str]]) -> tuple[list[int], list[int]]:
        """The same of (role, beginning, rest) messages, cut behind the last beginning that is not empty.

        Both together are the tokens of the whole.
        """
        marks = [CUT if beginning else "" for _, beginning, _ in messages]
        said = [
            (role, self.harmless(beginning) + mark + self.harmless(rest))
            for (role, beginning, rest), mark in zip(messages, marks, strict=True)
        ]
        if not any(marks):
            return [], self.encode(self.render(said))
        *before, behind = self.render(said).split(CUT)
        first = "".join(before)
        tokens, starts = self.located(first + behind)
        cut = bisect_left(starts, len(first))
        return tokens[:cut], tokens[cut:]

    def located(self, text: str) -> tuple[list[int], list[int]]:
        """Tokens of a text and the character at which each begins."""
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return list(found["input_ids"]), [start for start, _ in found["offset_mapping"]]

    def open(self, method: Method | None = None, *, length: int = 0, watch: Watch | None = None) -> Session:
        """Open a session for a request of at most `length` tokens, prompt and reply."""
        method = method or Method()
        return _kind(method)(self.network, method, length=length, watch=watch)


def _kind(method: Method) -> type[Session]:
    """The session that reads a text as `prune=` says."""
    if isinstance(method.prune, Progressive):
        return Lazy
    return Session if method.prune == Plain() else Pruned


def _digest_of_weights(network: Any) -> str:
    whole = hashlib.sha256(network.config.to_json_string(use_diff=False).encode())
    for name, weight in sorted(network.state_dict().items()):
        whole.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        whole.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()
