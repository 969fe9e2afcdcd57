"""Taking over a transformers decoder's attention without patching it, and giving it back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from longspan.core.errors import InputError
from longspan.models.fused import fuse
from longspan.models.rotary import RUNNING, StandIn

NAME = "longspan"
SUPPORTED = "Llama, Mistral, Qwen2, Qwen3, Phi, Phi3, Gemma3, GLM, Cohere and others of their kind"
OUTSIDE = AttentionInterface()["sdpa"]
"""What the model's other users get while sessions are open."""
KNOWN_LAYERS = {"full_attention", "sliding_attention"}


class _Lease:
    """One model's sessions: the first takes the model over, the last gives it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sessions = 0
        self.before = ""
        self.unfuse: Callable[[], None] = lambda: None


_LEASES: WeakKeyDictionary[PreTrainedModel, _Lease] = WeakKeyDictionary()
_LEASES_LOCK = threading.Lock()


def check(model: Any) -> None:
    """Raise InputError for a model whose attention this library cannot run, naming the class and the reason."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    layers = getattr(decoder, "layers", None)
    config = getattr(decoder, "config", None)
    attention = getattr(layers[0], "self_attn", None) if layers else None
    what = type(attention).__name__ if attention is not None else type(model).__name__
    kinds = set(getattr(config, "layer_types", None) or KNOWN_LAYERS)
    reasons = {
        "it has no decoder layers with `self_attn`": attention is None,
        "it has no shared rotary embedding": not hasattr(decoder, "rotary_emb"),
        "it does not go through transformers' attention interface": not getattr(
            model, "_supports_attention_backend", False
        ),
        f"it has layers of type {', '.join(sorted(kinds - KNOWN_LAYERS))}": bool(kinds - KNOWN_LAYERS),
        "it caps its attention scores": bool(getattr(config, "attn_logit_softcapping", None)),
        "it has learned attention sinks": hasattr(attention, "sinks"),
    }
    for reason, holds in reasons.items():
        if holds:
            raise InputError(f"cannot take over the attention of {what}: {reason}. Supported: {SUPPORTED}.")


def acquire(model: PreTrainedModel) -> None:
    """Take the model over, or join those who have."""
    with _LEASES_LOCK:
        lease = _LEASES.setdefault(model, _Lease())
    with lease.lock:
        if lease.sessions == 0:
            decoder: Any = model.get_decoder()
            lease.before = model.config._attn_implementation
            decoder.rotary_emb = StandIn(decoder)
            model.set_attn_implementation(NAME)
            lease.unfuse = fuse(model)
        lease.sessions += 1


def release(model: PreTrainedModel) -> None:
    """Leave; the last one out restores the model."""
    lease = _LEASES[model]
    with lease.lock:
        lease.sessions -= 1
        if lease.sessions == 0:
            decoder: Any = model.get_decoder()
            decoder.rotary_emb = decoder.rotary_emb.inner
            model.set_attn_implementation(lease.before)
            lease.unfuse()


@contextmanager
def running(session: Any) -> Iterator[None]:
    """Let this thread's calls of the model go through `session`."""
    token = RUNNING.set(session)
    try:
        yield
    finally:
        RUNNING.reset(token)


def _attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    session: Any = RUNNING.get()
    if session is None:
        return OUTSIDE(module, query, key, value, attention_mask, **kwargs)
    out: Tensor = session.attend(
        module, query, key, value, scale=kwargs["scaling"], window=kwargs.get("sliding_window") or 0
    )
    return out.transpose(1, 2), None


def _mask(*args: Any, **kwargs: Any) -> Tensor | None:
    if RUNNING.get() is not None:
        return None
    return AttentionMaskInterface()["sdpa"](*args, **kwargs)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _mask)
