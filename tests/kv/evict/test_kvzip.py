"""KVzip against loops over queries and tokens, and what a session reads again."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.evict.keydiff import KeyDiff
from longspan.kv.evict.kvzip import KVzip
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.split.pooled import Pooled
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

SCORE = KVzip(chunk=16, lead=3, sinks=2)
PROMPT, BUDGET = 40, 20
PIECES = [(0, 16), (13, 32), (29, 39)]
"""Of the prompt but for its last token: what is read again at a time, its lead before it."""


def naive(text, row, head):
    """The positions that a key/value head keeps of the prompt."""
    pad = int((text.pos_BT[row] < 0).sum())
    length = PROMPT - pad - 1
    group = text.q_BHTD.shape[1] // text.k_BGTD.shape[1]
    q, k = text.q_BHTD[row, head * group : (head + 1) * group, pad:], text.k_BGTD[row, head, pad:]
    most = dict.fromkeys(range(length), 0.0)
    for first, end in PIECES:
        chunk = range(first, min(end, length))
        for t in range(length, length + len(chunk)):
            seen = sorted({*range(SCORE.sinks), *chunk}) + list(range(length, t + 1))
            for h in range(group):
                weights = torch.softmax(k[seen] @ q[h, t] * text.page.scale, 0)
                for s, weight in zip(seen, weights.tolist(), strict=True):
                    most[s] = max(most[s], weight) if s in chunk else most.get(s, 0.0)
    always = {*range(SCORE.sinks), length}
    others = sorted((s for s in range(length) if s not in always), key=lambda s: -most[s])
    return sorted([*always, *others[: BUDGET - len(always)]])


@pytest.mark.parametrize("chunk", [39, 7])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (4, 1), (2, 2)])
def test_it_keeps_what_reading_again_attends_to(tape, kept_of, chunk, heads, kv_heads):
    text = tape(80, heads=heads, kv_heads=kv_heads)
    store = Eviction(SCORE, BUDGET).open(text.page.layer)
    last = PROMPT - 1
    for start in range(0, last, chunk):
        text.play(store, start, min(start + chunk, last), "chunk")
    for first, end in PIECES:
        text.play(store, last, last + end - first, "rehearsal")
        store.truncate(torch.tensor([last]))
    text.play(store, last, PROMPT, "prompt_end")
    assert kept_of(store, 1, kv_heads) == {(0, g): naive(text, 0, g) for g in range(kv_heads)}


@pytest.fixture
def passes(monkeypatch):
    """What sessions read, as (moment, rows of tokens without padding)."""
    seen, forward = [], Session._forward

    def note(session, text_BT, pos_BT, moment, *, keep):
        rows = [text_T[pos_T >= 0].tolist() for text_T, pos_T in zip(text_BT, pos_BT, strict=True)]
        seen.append((moment, rows))
        return forward(session, text_BT, pos_BT, moment, keep=keep)

    monkeypatch.setattr(Session, "_forward", note)
    return seen


def again(passes):
    return [rows for moment, rows in passes if moment == "rehearsal"]


def test_a_prompt_is_read_again_but_for_its_last_token_and_forgotten(passes):
    heard, method = [], Method(kv=Eviction(SCORE, BUDGET))
    long, short = list(range(2, 42)), list(range(50, 71))
    with Session(tiny(), method) as session:
        session.prefill([long, short], chunk=25, progress=lambda *said: heard.append(said))
        assert session.tokens == [40, 21]
        assert again(passes) == [[long[:16], short[:16]], [long[13:32], short[13:20]], [long[29:39], []]]
        assert [said[:3] for said in heard if said[0] == "rehearse"] == [("rehearse", n, 39) for n in (16, 32, 39)]
        passes.clear()
        session.prefill([[3, 4, 5], [6, 7]])
        assert again(passes) == [[[*long[36:], 3, 4], [*short[17:], 6]]]
        with pytest.raises(NotRewindable):
            session.rewind(10)


def test_what_fits_the_budget_is_not_read_again(passes):
    for policy in (Eviction(SCORE, 100), Full()):
        with Session(tiny(), Method(kv=policy)) as session:
            session.prefill([list(range(2, 42))])
            session.decode(torch.tensor([[3]]))
    assert again(passes) == []


def test_another_session_reads_again_only_what_none_has(passes):
    method, text = Method(kv=Eviction(SCORE, BUDGET)), list(range(2, 42))
    with Session(tiny(), method) as first, Session(tiny(), method) as second:
        first.prefill([text])
        second.restore(first.save())
        passes.clear()
        second.prefill([[7, 8, 9]])
        assert again(passes) == [[[*text[36:], 7, 8]]]
    with Session(tiny(), Method()) as whole:
        whole.prefill([text])
        passes.clear()
        whole.fork(kv=method.kv, again=5).close()
        assert again(passes) == [[text[:16]], [text[13:32]], [text[29:39]]]


def test_heads_of_all_layers_compete_for_one_budget(kept_of):
    rows = [list(range(2, 42)), list(range(50, 76)), list(range(2, 12))]
    with Session(tiny(), Method(kv=Eviction(SCORE, BUDGET, Pooled()))) as session:
        session.prefill(rows, chunk=16)
        kept = [kept_of(session._stores[index], len(rows), 2) for index in range(4)]
    counts = [[[len(layer[row, head]) for head in range(2)] for layer in kept] for row in range(len(rows))]
    assert [sum(map(sum, row)) for row in counts] == [8 * BUDGET, 8 * BUDGET, 8 * len(rows[2])]
    assert len({sum(layer) for layer in counts[0]}) > 1
    assert all(layer[row, head][-1] == len(rows[row]) - 1 for layer in kept for row, head in layer)


@pytest.mark.parametrize("score", [KeyDiff(), SnapKV(window=4)])
def test_scores_of_one_layer_after_the_other_cannot_be_pooled(score):
    with pytest.raises(InputError, match="take kvzip, or split=adakv"):
        Eviction(score, BUDGET, Pooled())


@pytest.mark.parametrize("chunks", [False, True])
def test_sliding_layers_keep_their_window(chunks):
    """Reading again is longer than a window may be rolled back: the layers that slide must not notice."""
    model, text = tiny("gemma3", sliding_window=8), torch.arange(1400).remainder(110).add(3).tolist()
    out = []
    for policy in (Eviction(KVzip(chunk=900), 1399, chunks=chunks), Full()):
        with Session(model, Method(kv=policy)) as session:
            out.append(session.prefill([text], chunk=700))
    torch.testing.assert_close(*out, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: KVzip(chunk=0), "chunk=0 must be at least 1"),
        (lambda: KVzip(lead=-1), "lead=-1"),
        (lambda: Eviction(KVzip(), every=8), "leave every out"),
        (lambda: Eviction(KVzip(), 5), "always keeps 5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
