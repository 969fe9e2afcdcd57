"""A Llama by the book: every pair of tokens by itself, in float64, at a distance that a plain matrix says."""

from __future__ import annotations

import torch


def distances(n, rel):
    """The matrix [n, n] of rel(i, j), the distance at which query i sees key j; 0 above the diagonal."""
    return torch.tensor([[rel(i, j) if j <= i else 0 for j in range(n)] for i in range(n)])


def causal(n):
    return torch.ones(n, n).tril().bool()


@torch.no_grad()
def logits(model, tokens, rel, seen=None):
    """Logits [T, V] after each of a row's tokens; query t sees the keys marked in `seen` [T, S] or [H, T, S].

    `rel` is the matrix of distances, or a function from frequencies [P] to how each pair of tokens turns, [T, S, P].
    """
    decoder, n = model.model, len(tokens)
    seen_HTS = (causal(n) if seen is None else seen).expand(model.config.num_attention_heads, n, n)
    hidden = decoder.embed_tokens.weight[torch.tensor(tokens)].double()
    for layer in decoder.layers:
        normed = norm(layer.input_layernorm, hidden)
        hidden = hidden + attention(layer.self_attn, normed, rel, seen_HTS, model.config)
        normed, mlp = norm(layer.post_attention_layernorm, hidden), layer.mlp
        gate = torch.nn.functional.silu(linear(mlp.gate_proj, normed))
        hidden = hidden + linear(mlp.down_proj, gate * linear(mlp.up_proj, normed))
    return linear(model.lm_head, norm(decoder.norm, hidden))


def attention(module, hidden, rel, seen_HTS, config):
    """The sum over channel pairs of Re(q conj(k) exp(i rel theta)), a softmax, and the mix of values, head by head."""
    pairs, shared = module.head_dim // 2, config.num_attention_heads // config.num_key_value_heads
    theta = config.rope_parameters["rope_theta"] ** -(torch.arange(pairs).double() / pairs)
    turn = rel(theta) if callable(rel) else torch.exp(1j * rel[..., None] * theta)
    q, k, v = (
        linear(p, hidden).unflatten(-1, (-1, module.head_dim)) for p in (module.q_proj, module.k_proj, module.v_proj)
    )
    q, k = (torch.complex(x[..., :pairs], x[..., pairs:]) for x in (q, k))
    mixed = []
    for head in range(config.num_attention_heads):
        own = head // shared
        score = torch.einsum("tc,sc,tsc->ts", q[:, head], k[:, own].conj(), turn).real * module.head_dim**-0.5
        mixed.append(torch.softmax(score.masked_fill(~seen_HTS[head], float("-inf")), -1) @ v[:, own])
    return linear(module.o_proj, torch.cat(mixed, -1))


def linear(module, x):
    return x @ module.weight.double().T


def norm(module, x):
    return x * (x.square().mean(-1, keepdim=True) + module.variance_epsilon).rsqrt() * module.weight.double()
