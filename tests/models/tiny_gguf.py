"""A real GGUF file of a random two-layer Llama, written the way llama.cpp lays it out."""

from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG = LlamaConfig(
    vocab_size=259,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=384,
    tie_word_embeddings=True,
    bos_token_id=257,
    eos_token_id=258,
)
NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def llama() -> LlamaForCausalLM:
    """The model the file is made from, in float32 with values that bfloat16 holds."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(CONFIG).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_((weight + 0.02 * torch.randn_like(weight)).bfloat16().float())
    return model


def write_gguf(
    path: Path, model: LlamaForCausalLM, *, architecture: str = "llama", leave_out: str = "", merge: str = "a b"
) -> None:
    """Write a model as GGUF, without the tensor named by `leave_out`."""
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(384)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(259)
    write_tokenizer(writer, merge)
    for name, weight in tensors(model).items():
        if name != leave_out:
            writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tokenizer(writer: GGUFWriter, merge: str) -> None:
    """Give the file a byte-level tokenizer: one token per byte, one merged token and two control tokens."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    characters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(rest)}
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([characters[byte] for byte in range(256)] + ["ab", "<s>", "</s>"])
    writer.add_token_types([1] * 257 + [3, 3])
    writer.add_token_merges([merge])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_chat_template(TEMPLATE)


def tensors(model: LlamaForCausalLM) -> dict[str, np.ndarray]:
    """The weights under llama.cpp's names; q and k have their rotary halves interleaved there."""
    state = model.state_dict()
    found = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    for layer in range(2):
        for theirs, ours in NAMES.items():
            weight = state[f"model.layers.{layer}.{theirs}.weight"]
            heads = {"attn_q": 4, "attn_k": 2}.get(ours)
            if heads:
                weight = weight.view(heads, 2, -1, 64).transpose(1, 2).reshape(weight.shape)
            found[f"blk.{layer}.{ours}.weight"] = weight
    return {name: weight.contiguous().numpy() for name, weight in found.items()}
