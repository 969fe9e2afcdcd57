"""Losses and likeliest tokens are transformers' own, and what was read is not read again."""

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.evals.extension.questions import Needle, Reading
from longspan.evals.extension.trial import fitness, read, read_all
from longspan.evals.journal import Journal
from longspan.models.session import Session


@pytest.fixture(scope="module")
def model():
    return tiny_model(max_position_embeddings=128, num_hidden_layers=2, initializer_range=0.2)


def tokens(length, seed):
    return tuple(torch.randint(3, 600, (length,), generator=torch.Generator().manual_seed(seed)).tolist())


def reading(length, number=0, scored=20, needles=0):
    asked = tuple(Needle(i, 0.5, tokens(9 + i, 1000 + i), 2 + i) for i in range(needles))
    return Reading(length, number, tokens(length, length + number), scored, asked)


def expected(model, text, scored):
    """Loss and likeliest tokens of the last ones by one forward pass of transformers."""
    with torch.inference_mode():
        logits_TV = model.network(torch.tensor([text])).logits[0, -scored - 1 : -1]
    loss = -logits_TV.log_softmax(-1)[torch.arange(scored), list(text[-scored:])].mean()
    return float(loss), tuple(logits_TV.argmax(-1).tolist())


@pytest.mark.parametrize("scored", [1, 2, 31])
@pytest.mark.parametrize("length", [63, 110])
def test_loss_and_likeliest_are_those_of_one_forward_pass(model, length, scored):
    asked = reading(length, scored=scored, needles=3)
    text, *needles = read(model, "", asked)
    loss, likeliest = expected(model, asked.tokens, scored)
    assert (text.loss, text.likeliest) == (pytest.approx(loss, abs=1e-4), likeliest)
    assert text.nbytes > 0
    for trial, needle in zip(needles, asked.needles, strict=True):
        loss, likeliest = expected(model, asked.tokens + needle.tokens, needle.scored)
        assert (trial.kind, trial.number, trial.depth) == ("needle", needle.number, 0.5)
        assert (trial.loss, trial.likeliest) == (pytest.approx(loss, abs=1e-4), likeliest)


def test_a_method_that_cannot_go_back_reads_again_to_the_same_result(model, monkeypatch):
    asked = reading(63, needles=3)
    whole, prefill, read_again = read(model, "", asked), Session.prefill, []

    def refuse(*_):
        raise NotRewindable("no")

    monkeypatch.setattr(Session, "rewind", refuse)
    monkeypatch.setattr(Session, "prefill", lambda *a, **k: read_again.append(1) or prefill(*a, **k))
    assert [(t.loss, t.likeliest) for t in read(model, "", asked)] == [(t.loss, t.likeliest) for t in whole]
    assert len(read_again) == 3


def test_an_answer_is_right_when_greedy_decoding_writes_all_of_it(model):
    text = reading(60)
    question, written = tokens(9, 5), []
    with model.open() as session:
        logits = session.prefill([text.tokens + question])
        for _ in range(5):
            written.append(int(logits.argmax()))
            logits = session.decode(torch.tensor([[written[-1]]]))[:, -1]
    wrong = (*written[:-1], (written[-1] + 1) % 600)
    needles = tuple(Needle(i, 0.5, (*question, *value), 5) for i, value in enumerate((written, wrong)))
    _, right, missed = read(model, "", Reading(80, 0, text.tokens, 20, needles))
    assert right.right
    assert not missed.right


def test_a_method_changes_long_readings_and_not_short_ones(model):
    for length, same in ((128, True), (300, False)):
        plain, extended = (read(model, method, reading(length))[0] for method in ("", "rope=dynamic_ntk:factor=2"))
        assert (plain.loss == extended.loss) == same


def test_what_was_read_is_not_read_again_and_comes_back_the_same(model, tmp_path, monkeypatch):
    asked, journal = [reading(63), reading(200), reading(200, 1, needles=2)], Journal(tmp_path / "trials.sqlite")
    whole = read_all(model, ["", "rope=yarn:factor=2"], asked, journal)
    monkeypatch.setattr("longspan.evals.extension.trial.read", None)
    told = []
    again = read_all(model, ["", "rope=yarn:factor=2"], asked, journal, progress=lambda *said: told.append(said))
    assert again == whole
    assert told[-1] == ("compare methods", 2 * 463, 2 * 463, "tokens")


def test_a_run_that_is_stopped_goes_on_to_the_identical_result(model, tmp_path):
    asked, methods = [reading(63), reading(200)], ["", "rope=dynamic_ntk"]
    whole = read_all(model, methods, asked, Journal(tmp_path / "whole.sqlite"))
    journal = Journal(tmp_path / "stopped.sqlite")

    def stop(stage, done, total, unit):
        if done > 130:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_all(model, methods, asked, journal, progress=stop)
    assert 0 < len(journal) < 4
    numbers = [(trial.loss, trial.likeliest) for trial in read_all(model, methods, asked, journal)]
    assert numbers == [(trial.loss, trial.likeliest) for trial in whole]


def test_a_reading_that_fails_says_why_and_has_no_loss(tmp_path):
    model = tiny_model(max_position_embeddings=128, num_hidden_layers=2)
    with torch.no_grad():
        model.network.get_decoder().layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    (trial,) = read(model, "", reading(63))
    assert trial.loss is None
    assert "non-finite" in trial.failure
    assert fitness(model, [reading(63)], Journal(tmp_path / "f.sqlite"), "text", "") == float("inf")
    with pytest.raises(InputError, match="unknown rope method"):
        read(model, "rope=nothing", reading(63))


def test_fitness_is_the_mean_loss_and_remembered(model, tmp_path, monkeypatch):
    asked, journal = [reading(63, needles=2), reading(99)], Journal(tmp_path / "f.sqlite")
    trials = [trial for each in asked for trial in read(model, "rope=yarn:factor=2", each)]
    for kind, count in (("text", 2), ("needle", 2)):
        losses = [trial.loss for trial in trials if trial.kind == kind]
        assert len(losses) == count
        assert fitness(model, asked, journal, kind, "rope=yarn:factor=2") == pytest.approx(sum(losses) / 2)
    monkeypatch.setattr("longspan.evals.extension.trial.read", None)
    assert fitness(model, asked, journal, "text", "rope=yarn:factor=2") < float("inf")
