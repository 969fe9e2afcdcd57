"""Proof that exported settings do what the method does: logits of transformers under them, and ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from longspan.core.progress import Progress, silent
from longspan.models.export.scaling import Scaling, rotary
from longspan.models.method import Method
from longspan.models.session import Session

TOLERANCE = 1e-3
"""Greatest difference of a logit in float32."""
NEAR = 64
"""Tokens of the short request, and those the long one has beyond the window."""
LONGEST = 8192
"""Windows up to this are proved on a request that leaves them; beyond, on frequencies alone."""
ASKED = 32
"""Tokens at the end whose logits are compared."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How far logits are apart at most."""

    within: float
    """In a request within the trained window."""
    beyond: float | None
    """In one that leaves it; None where that would take too long."""


def prove(network: Any, config: Any, method: Method, made: Scaling, *, progress: Progress = silent) -> Proof:
    """Run the float32 network under an exported configuration and under the method.

    Raises RuntimeError where they differ although the settings claim not to.
    """
    lengths = [min(NEAR, made.trained), *([made.trained + NEAR] if made.trained <= LONGEST else [])]
    found = []
    for number, length in enumerate(lengths):
        found.append(_difference(network, config, method, length, progress))
        progress("compare logits", number + 1, len(lengths), "requests")
    proof = Proof(found[0], found[1] if len(found) > 1 else None)
    claimed = [*([proof.within] if made.within else []), *([proof.beyond] if proof.beyond is not None else [])]
    if claimed and max(claimed) > TOLERANCE:
        raise RuntimeError(f"exported settings give logits that differ by {max(claimed):.2g}: {made.parameters}")
    return proof


def _difference(network: Any, config: Any, method: Method, length: int, progress: Progress) -> float:
    random = torch.Generator().manual_seed(length)
    vocabulary = network.get_input_embeddings().num_embeddings
    text_BT = torch.randint(0, vocabulary, (1, length), generator=random)
    asked = min(ASKED, length - 1)
    with Session(network, method, length=length) as session:
        session.prefill(text_BT[:, :-asked].tolist(), progress=progress)
        ours_BTV = session.decode(text_BT[:, -asked:])
    return float((ours_BTV - _theirs(network, config, text_BT, asked)).abs().max())


@torch.inference_mode()
def _theirs(network: Any, config: Any, text_BT: Tensor, asked: int) -> Tensor:
    """Transformers' own logits with the rotary module of another configuration."""
    decoder = network.get_decoder()
    before, decoder.rotary_emb = decoder.rotary_emb, rotary(network, config)
    try:
        text_BT = text_BT.to(network.device)
        logits_BTV: Tensor = network(input_ids=text_BT, use_cache=False, logits_to_keep=asked).logits
        return logits_BTV.float()
    finally:
        decoder.rotary_emb = before
