import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.spec import spell
from longspan.decode.generate import Generation, Limits
from longspan.draft.self_draft import SelfDraft
from longspan.models.method import Method

MODEL = tiny_model()
LOOP = "continue may only occur in a loop; it goes on with the next cycle of the loop; " * 4
PROMPT = MODEL.encode(LOOP)
STREAMING = "draft=self_draft:kv=streaming_llm,budget=40"


def written(method, most=30):
    """Tokens of a reply, how guesses fared, and how often the model itself was run."""
    with MODEL.open(Method.parse(method), length=len(PROMPT) + most) as session:
        passes = []
        decode, session.decode = session.decode, lambda tokens: passes.append(tokens.shape[1]) or decode(tokens)
        generation = Generation(session, MODEL.decode, limits=Limits(most), draft=session.draft())
        list(generation.run([PROMPT]))
        return generation.replies[0].tokens, generation.guesses, passes


@pytest.mark.parametrize("kv", ["snapkv", "streaming_llm", "full"])
def test_with_all_tokens_every_guess_is_right(kv):
    settings = "" if kv == "full" else ",budget=1000"
    tokens, guesses, passes = written(f"draft=self_draft:kv={kv},tokens=4{settings}", most=31)
    assert tokens == written("", most=31)[0]
    assert guesses.kept == guesses.guessed == 24
    assert passes == [5] * 6


def test_few_tokens_save_passes_on_text_that_repeats():
    tokens, guesses, passes = written(STREAMING)
    assert tokens == written("")[0]
    assert guesses.kept > 0
    assert len(passes) + 5 < len(tokens)


def test_guesses_are_what_the_model_writes_that_reads_with_the_draft_s_stores():
    proposed = []
    with MODEL.open(Method.parse(STREAMING)) as session:
        draft = session.draft()
        propose = draft.propose
        draft.propose = lambda *given: proposed.append((list(given[0]), propose(*given))) or proposed[-1][1]
        list(Generation(session, MODEL.decode, limits=Limits(6), draft=draft).run([PROMPT]))
    text, first = proposed[0]
    with MODEL.open(Method.parse("kv=streaming_llm:budget=40")) as alone:
        alone.prefill([PROMPT])
        logits = alone.decode(torch.tensor([text[-1:]]))
        for token in first.tokens:
            assert token == int(logits[0, -1].argmax())
            logits = alone.decode(torch.tensor([[token]]))


def test_its_bytes_count_and_go_with_the_next_reply():
    with MODEL.open(Method.parse(STREAMING)) as session:
        sizes = []
        for _ in range(3):
            draft = session.draft()
            generation = Generation(session, MODEL.decode, limits=Limits(6), draft=draft)
            list(generation.run([PROMPT]))
            sizes.append(session.nbytes() - sum(store.nbytes() for store in session._stores.values()))
            assert sizes[-1] == draft.nbytes() > 0
    assert len(set(sizes)) == 1


@pytest.mark.parametrize(
    "method",
    [
        "draft=self_draft:budget=100",
        "draft=self_draft:window=8,kernel=7",
        "draft=self_draft:kv=infllm,local=64",
        "draft=self_draft:split=adakv,floor=0.3",
        "draft=triforce:draft=self_draft,score=streaming_llm,draft.kv.budget=1000",
    ],
)
def test_what_a_drafter_holds_is_named_in_its_string(method):
    assert spell(Method.parse(method)) == method


def test_a_store_that_cannot_take_guesses_back_is_refused():
    with pytest.raises(InputError, match=r"draft's own kv= method cannot.*every=0"):
        written("draft=self_draft:kv=streaming_llm,budget=12,every=1")


def test_stores_that_cannot_be_shared_are_refused():
    with pytest.raises(InputError, match="choose draft=prompt_lookup, or kv=full"):
        written(f"kv=snapkv:budget=24,window=8 {STREAMING}")


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="tokens=0"):
        SelfDraft(tokens=0)
