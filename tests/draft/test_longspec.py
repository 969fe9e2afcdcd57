import math
from urllib.parse import quote

import pytest
import torch
from safetensors.torch import save_file
from tests.draft.drafts import ends_of, saved, untrained
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.decode.generate import Generation, Limits
from longspan.draft.glide import Glide, anchored, loss
from longspan.draft.longspec import LongSpec
from longspan.models.method import Method

MODEL = tiny_model()
ENDS = ends_of(MODEL)
PROMPT = MODEL.encode("continue may only occur in a loop; it goes on with the next cycle of the loop; " * 4)


def last_kv(tokens, pos_1T):
    stored = MODEL.network(torch.tensor([tokens]), position_ids=pos_1T, use_cache=True).past_key_values.layers[-1]
    return stored.keys, stored.values


def normal(x_C, weight_C):
    return x_C / math.sqrt(float(x_C.pow(2).mean()) + 1e-5) * weight_C


def naive(draft, tokens, pos, kv, at, *, window, lag):
    """The draft's logits after token `at`, head by head."""
    heads, share, rotation = draft.heads, draft.heads // draft.kv_heads, ENDS.layer.rotation
    x = ENDS.embed(torch.tensor(tokens))

    def turn(vector, position):
        return rotate(vector[None, None, None], torch.tensor([[[position]]]), rotation)[0, 0, 0]

    def mixed(q, keys, values):
        return torch.softmax(torch.stack([q @ k for k in keys]) / math.sqrt(draft.head_dim), 0) @ torch.stack(values)

    def cut(vector, head):
        return vector[head * draft.head_dim : (head + 1) * draft.head_dim]

    normed, hidden, own, cross = [normal(t, draft.input_layernorm.weight) for t in x], x[at], [], []
    for head in range(heads):
        q = turn(cut(draft.self_attn["q_proj"](normed[at]), head), pos[at])
        near = range(max(0, at - window), at + 1)
        keys = [turn(cut(draft.self_attn["k_proj"](normed[t]), head // share), pos[t]) for t in near]
        own.append(mixed(q, keys, [cut(draft.self_attn["v_proj"](normed[t]), head // share) for t in near]))
    hidden = hidden + draft.self_attn["o_proj"](torch.cat(own))
    asked = draft.cross_attn["q_proj"](normal(hidden, draft.post_self_attention_layernorm.weight))
    for head in range(heads):
        seen = [(kv[0][0, head // share, t], kv[1][0, head // share, t]) for t in range(at - lag + 1)]
        cross.append(mixed(turn(cut(asked, head), pos[at]), *zip(*seen, strict=True)) if seen else cut(asked * 0, head))
    hidden = hidden + draft.cross_attn["o_proj"](torch.cat(cross))
    y = normal(hidden, draft.post_cross_attention_layernorm.weight)
    mlp = draft.mlp
    hidden = hidden + mlp["down_proj"](torch.nn.functional.silu(mlp["gate_proj"](y)) * mlp["up_proj"](y))
    return ENDS.head(hidden)


def test_loss_is_that_of_the_equations():
    draft, tokens = untrained(ENDS), PROMPT[:12]
    pos = anchored(12, window=4000, generator=torch.Generator().manual_seed(5))
    assert int(pos[-1]) > 11
    kv, total = last_kv(tokens, pos[None]), 0.0
    for at in range(11):
        with torch.no_grad():
            logits = naive(draft, tokens, pos.tolist(), kv, at, window=3, lag=2)
        total -= float(logits.log_softmax(0)[tokens[at + 1]]) / 11
    got = loss(draft, torch.tensor([tokens]), pos_BT=pos[None], ends=ENDS, kv=kv, lag=2, window=3)
    assert float(got.detach()) == pytest.approx(total, rel=1e-5)


class Told:
    """Chooses what it is told, and keeps the logits."""

    def __init__(self, tokens):
        self.tokens, self.logits = iter(tokens), []

    def choose(self, logits_V, text):
        self.logits.append(logits_V)
        return next(self.tokens), logits_V


@pytest.mark.parametrize("method", ["", "positions=rerope:window=1000"])
@pytest.mark.parametrize("window", [5, 512])
def test_guesses_are_those_of_the_equations(window, method, tmp_path):
    draft, text, told = untrained(ENDS), PROMPT[:20], Told([7, 8, 9])
    with MODEL.open(Method.parse(method)) as session, torch.no_grad():
        session.prefill([text[:12]])
        session.prefill([text[12:-1]])
        ahead = LongSpec(str(saved(draft, tmp_path)), tokens=3, window=window).open(session)
        assert ahead.propose(text, 9, told).tokens == [7, 8, 9]
        whole = [*text, 7, 8]
        kv = last_kv(whole, torch.arange(len(whole))[None])
        for step, logits_V in enumerate(told.logits):
            want = naive(draft, whole, range(len(whole)), kv, 19 + step, window=window, lag=1 + step)
            torch.testing.assert_close(logits_V, want, atol=1e-4, rtol=1e-3)


def test_what_was_taken_back_leaves_no_trace(tmp_path):
    settings = LongSpec(str(saved(untrained(ENDS), tmp_path)), tokens=3, window=6)
    generator, text = torch.Generator().manual_seed(0), PROMPT[:9]
    with MODEL.open() as session:
        session.prefill([text[:-1]])
        ahead = settings.open(session)
        for _ in range(40):
            told, fresh = Told([3, 4, 5]), Told([3, 4, 5])
            ahead.propose(text, 9, told)
            settings.open(session).propose(text, 9, fresh)
            torch.testing.assert_close(torch.stack(told.logits), torch.stack(fresh.logits), atol=1e-5, rtol=1e-4)
            new = [text[-1], *([3] if torch.rand(1, generator=generator) < 0.5 else []), 9]
            session.decode(torch.tensor([new[:-1]]))
            text = [*text, *new[1:]]


def test_its_size_does_not_grow_with_the_text(tmp_path):
    method, sizes = f"draft=longspec:window=20,weights={quote(str(saved(untrained(ENDS), tmp_path)))}", []
    for length in (100, 400):
        with MODEL.open(Method.parse(method)) as session:
            draft = session.draft()
            generation = Generation(session, MODEL.decode, limits=Limits(5), draft=draft)
            list(generation.run([(PROMPT * 4)[:length]]))
            sizes.append(draft.nbytes())
    assert sizes[0] == sizes[1] < 100_000


def test_training_changes_the_draft_alone_and_lowers_the_loss():
    draft, tokens = untrained(ENDS), torch.tensor([PROMPT[:63]])
    pos, model = torch.arange(63)[None], list(MODEL.network.parameters())
    before, kv = [weight.detach().clone() for weight in model], last_kv(tokens[0].tolist(), pos)
    optimizer, losses = torch.optim.Adam(draft.parameters(), 3e-3), []
    for step in range(30):
        losses.append(loss(draft, tokens, pos_BT=pos, ends=ENDS, kv=kv, lag=1 + step % 4))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in draft.parameters())
    assert all(weight.grad is None and torch.equal(weight, old) for weight, old in zip(model, before, strict=True))
    assert losses[-1] < 0.5 * losses[0]


def test_short_texts_are_moved_away_behind_their_first_tokens():
    generator = torch.Generator().manual_seed(0)
    starts = []
    for _ in range(200):
        step_T = anchored(100, window=4096, generator=generator).diff()
        jumps = (step_T != 1).nonzero()[:, 0].tolist()
        assert len(jumps) <= 1
        starts += [jump + 1 for jump in jumps]
    assert set(starts) == {1, 2, 3, 4}
    assert int(anchored(100, window=4096, generator=generator)[-1]) < 4096
    assert anchored(1201, window=4096, generator=generator).tolist() == list(range(1201))


def test_files_that_do_not_fit_are_refused(tmp_path):
    def opened(file):
        with MODEL.open() as session:
            session.prefill([[1, 2]])
            LongSpec(str(file)).open(session).propose([1, 2, 3], 3, Told([1, 2, 3]))

    with pytest.raises(InputError, match="cannot read draft weights"):
        opened(tmp_path / "none.safetensors")
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"has no weight 'mlp.gate_proj.weight'"):
        opened(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="trained for another model"):
        opened(saved(untrained(ends_of(tiny_model("qwen3"))), tmp_path))
    wide = Glide(ends_of(MODEL).layer, width=3 * ends_of(MODEL).embed(torch.tensor([[1]])).shape[-1], inner=96)
    with pytest.raises(InputError, match=r"another model: its hidden states have \d+ channels, this model's \d+"):
        opened(saved(wide, tmp_path))
    for settings in ({"tokens": -1}, {"window": 0}, {"tree": ()}, {"tree": (4, 0)}):
        with pytest.raises(InputError, match="LongSpec"):
            LongSpec("file", **settings)
