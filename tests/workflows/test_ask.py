"""A question is planned and answered by every route, and the plan's numbers hold."""

from __future__ import annotations

from contextlib import nullcontext
from pydoc_data.topics import topics

import pytest
from tests.models.tiny_model import tiny_model

from longspan.archive import Archive
from longspan.core.errors import InputError
from longspan.documents.document import Document
from longspan.plan.machine import Machine
from longspan.plan.routes import NAMES, stream_settings
from longspan.plan.shape import Shape
from longspan.plan.speed import Speed
from longspan.workflows.ask import HEADING, Ask, Listener, Settings

MODEL = tiny_model(num_hidden_layers=2, max_position_embeddings=1024)
SHORT = [Document("short.txt", topics["continue"].strip(), "text")]
LONG = [
    Document("yield.txt", topics["yield"].strip(), "text"),
    Document("function.txt", (topics["function"] + topics["class"] + topics["compound"][:8000]).strip(), "text"),
]
QUESTION = "What may a continue statement not cross?"
SPEED = Speed(0.001, 1e-7, 0.01, 1e-6)
MACHINE = Machine("processor", 2, 8 * 2**30, 4 * 2**30)


def planned(documents, **settings):
    asked = Ask(MODEL, documents, QUESTION, Settings(max_tokens=20, **settings))
    return asked, asked.choose(asked.routes(Shape.of(MODEL), SPEED, MACHINE))[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_route_answers_with_evidence_from_the_documents(tmp_path, name):
    asked, route = planned(SHORT, route=name)
    answer = asked.answer(route, archive=Archive(tmp_path))
    assert answer.route is route
    assert answer.evidence
    for passage in answer.evidence:
        assert passage.file == "short.txt"
        assert passage.text == SHORT[0].text[passage.start : passage.end]
        assert passage.score > 0
    assert answer.reply_tokens <= 20
    assert answer.seconds > 0
    assert answer.peak_bytes > answer.kv_bytes > 0


@pytest.mark.parametrize("name", ["retrieve", "stream"])
def test_what_is_far_beyond_the_window_is_answered_all_the_same(tmp_path, name):
    asked, route = planned(LONG, route=name)
    assert asked.document_tokens > 5 * MODEL.window
    answer = asked.answer(route, archive=Archive(tmp_path))
    assert {passage.file for passage in answer.evidence} <= {"yield.txt", "function.txt"}
    assert answer.evidence
    if name == "stream":
        assert answer.method == stream_settings(1024, "disk").method
        assert answer.prompt_tokens > asked.document_tokens
    else:
        assert answer.prompt_tokens + 20 <= MODEL.window


@pytest.mark.parametrize(
    ("documents", "name"), [(SHORT, "full"), (SHORT, "retrieve"), (LONG, "retrieve"), (LONG, "stream")]
)
def test_the_plans_numbers_hold_in_the_run(tmp_path, documents, name):
    asked, route = planned(documents, route=name)
    answer = asked.answer(route, archive=Archive(tmp_path))
    assert answer.prompt_tokens <= route.prompt_tokens
    if name != "retrieve":
        assert route.prompt_tokens - answer.prompt_tokens <= HEADING + 12 * len(documents)
    assert answer.kv_bytes <= 2 * route.kv_bytes
    assert answer.document_tokens == sum(MODEL.count(document.text) for document in documents)


def test_many_small_files_are_not_read_whole_beyond_the_window():
    asked, _ = planned([Document(f"folder/of/files/number{n}.txt", "x", "text") for n in range(100)])
    (full,) = (route for route in asked.routes(Shape.of(MODEL), SPEED, MACHINE) if route.name == "full")
    assert asked.document_tokens == 100
    assert full.prompt_tokens > 1024
    assert not full.fits


def test_auto_reads_the_short_whole_and_retrieves_from_the_long():
    assert planned(SHORT)[1].name == "full"
    assert planned(LONG)[1].name == "retrieve"
    assert planned(SHORT, effective=200)[1].name == "retrieve"


def test_the_full_route_over_length_is_an_error_with_the_numbers():
    with pytest.raises(InputError) as caught:
        planned(LONG, route="full")
    asked = Ask(MODEL, LONG, QUESTION, Settings(max_tokens=20))
    total = asked.routes(Shape.of(MODEL), SPEED, MACHINE)[0].prompt_tokens + 20
    assert f"{total:,} tokens with the reply do not fit the 1,024-token window" in str(caught.value)
    assert "Use --route retrieve, --route stream, a model with a larger window or less text" in str(caught.value)


def test_the_same_question_again_gives_the_same_answer(tmp_path):
    answers = []
    for _ in range(2):
        asked, route = planned(LONG, route="retrieve")
        answers.append(asked.answer(route, archive=Archive(tmp_path)))
    assert answers[0].text == answers[1].text
    assert answers[0].evidence == answers[1].evidence


def test_a_second_question_uses_the_index_of_the_first(tmp_path):
    stages: list[list[str]] = []
    for question in ("What is yield?", "What is a decorator?"):
        heard: list[str] = []
        asked = Ask(MODEL, LONG, question, Settings("retrieve", max_tokens=5))
        route = asked.choose(asked.routes(Shape.of(MODEL), SPEED, MACHINE))[0]
        listener = Listener(lambda stage, *_, heard=heard: heard.append(stage))
        asked.answer(route, archive=Archive(tmp_path), listener=listener)
        stages.append(heard)
    assert set(stages[1]) == {"prefill"} < set(stages[0])


@pytest.mark.parametrize(
    "method", ["kv=snapkv:budget=64,window=16", "kv=offload:block=64", "positions=self_extend:group=4,window=64"]
)
def test_a_method_of_ones_own_is_used(tmp_path, method):
    asked, route = planned(SHORT, route="full", method=method)
    answer = asked.answer(route, archive=Archive(tmp_path))
    plain = planned(SHORT, route="full")[0].answer(route, archive=Archive(tmp_path))
    assert answer.method == method
    assert answer.evidence
    assert answer.kv_bytes < plain.kv_bytes or "self_extend" in method


@pytest.mark.parametrize("every", ["", ",every=8"])
def test_a_budget_above_the_length_is_refused_before_anything_is_read(tmp_path, every):
    heard: list[str] = []
    asked, route = planned(SHORT, route="full", method=f"kv=snapkv:budget=100000{every}")
    listener = Listener(progress=lambda stage, *_: heard.append(stage))
    with pytest.raises(InputError, match=r"a budget of 100,000 holds all [\d,]+ tokens.*such as budget=0\.5"):
        asked.answer(route, archive=Archive(tmp_path), listener=listener)
    assert not heard


@pytest.mark.parametrize(("above", "rest", "refused"), [(0, "", True), (-1, "", False), (0, ",every=8", False)])
def test_a_budget_is_refused_from_the_prompts_own_length_on(tmp_path, above, rest, refused):
    asked, route = planned(SHORT, route="full")
    budget = asked.answer(route, archive=Archive(tmp_path)).prompt_tokens + above
    asked, route = planned(SHORT, route="full", method=f"kv=snapkv:budget={budget}{rest}")
    with pytest.raises(InputError, match="nothing is given up") if refused else nullcontext():
        asked.answer(route, archive=Archive(tmp_path))


def test_a_budget_that_holds_what_was_retrieved_is_said(tmp_path):
    remarks: list[str] = []
    asked, route = planned(SHORT, route="retrieve", method="kv=snapkv:budget=100000")
    assert asked.answer(route, archive=Archive(tmp_path), listener=Listener(on_remark=remarks.append)).evidence
    assert sum("nothing is given up" in remark for remark in remarks) == 1


def test_the_answer_is_heard_as_it_is_written(tmp_path):
    pieces: list[str] = []
    asked, route = planned(SHORT)
    answer = asked.answer(route, archive=Archive(tmp_path), listener=Listener(on_text=pieces.append))
    assert "".join(pieces).strip() == answer.text
    assert len(pieces) > 1


def test_passages_are_of_the_size_asked_for_and_what_is_cut_off_is_said(tmp_path):
    remarks: list[str] = []
    for words in (20, 900):
        asked, route = planned(LONG, route="retrieve", passage_words=words)
        asked.answer(route, archive=Archive(tmp_path), listener=Listener(on_remark=remarks.append))
    (remark,) = remarks
    budget = asked.request.retrieve_budget
    assert f"tokens and {budget:,} are read: only its beginning is; ask for shorter passages" in remark


def test_passages_of_no_words_are_refused():
    with pytest.raises(InputError, match="passages of 0 words hold nothing: give at least 1"):
        Settings(passage_words=0)


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(InputError, match="the question is empty: say what you want to know"):
        Ask(MODEL, SHORT, question)


def test_an_unknown_route_is_refused_before_anything_is_read():
    with pytest.raises(InputError, match="no route named 'ful': did you mean 'full'"):
        Settings("ful")


def test_a_question_longer_than_the_window_says_the_numbers():
    asked = Ask(MODEL, SHORT, "why " * 2000, Settings("retrieve", max_tokens=20))
    with pytest.raises(InputError, match=r"question and reply \(.* tokens\) leave no room for text in the 1,024-token"):
        asked.choose(asked.routes(Shape.of(MODEL), SPEED, MACHINE))
