"""A reading's loss and likeliest tokens are transformers' own, and what was read is not read again."""

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.evals.extension.questions import Question
from longspan.evals.extension.trial import fitness, read, read_all
from longspan.evals.journal import Journal


@pytest.fixture(scope="module")
def model():
    return tiny_model(max_position_embeddings=128, num_hidden_layers=2, initializer_range=0.2)


def question(length, number=0, scored=20, kind="text"):
    random = torch.Generator().manual_seed(length + number)
    return Question(
        kind, length, number, None, tuple(torch.randint(3, 600, (length,), generator=random).tolist()), scored
    )


@pytest.mark.parametrize("scored", [1, 2, 31])
@pytest.mark.parametrize("length", [63, 128])
def test_loss_and_likeliest_are_those_of_one_forward_pass(model, length, scored):
    asked = question(length, scored=scored)
    trial = read(model, "", asked)
    with torch.inference_mode():
        logits_TV = model.network(torch.tensor([asked.tokens])).logits[0, -scored - 1 : -1]
    own = -logits_TV.log_softmax(-1)[torch.arange(scored), list(asked.tokens[-scored:])].mean()
    assert trial.loss == pytest.approx(float(own), abs=1e-4)
    assert trial.likeliest == tuple(logits_TV.argmax(-1).tolist())


def test_an_answer_is_right_when_greedy_decoding_writes_all_of_it(model):
    asked, written = question(60), list(question(60).tokens[:40])
    with model.open() as session:
        logits = session.prefill([written])
        for _ in range(5):
            written.append(int(logits.argmax()))
            logits = session.decode(torch.tensor([[written[-1]]]))[:, -1]
    assert read(model, "", Question("needle", 45, 0, 0.5, tuple(written), 5)).right
    wrong = (*written[:-1], (written[-1] + 1) % 600)
    assert not read(model, "", Question("needle", 45, 0, 0.5, wrong, 5)).right
    assert not read(model, "", asked).right


def test_a_method_changes_long_readings_and_not_short_ones(model):
    for length, same in ((128, True), (300, False)):
        plain, extended = (read(model, method, question(length)) for method in ("", "rope=dynamic_ntk:factor=2"))
        assert (plain.loss == extended.loss) == same


def test_what_was_read_is_not_read_again_and_comes_back_the_same(model, tmp_path, monkeypatch):
    asked, journal = [question(63), question(200), question(200, 1)], Journal(tmp_path / "trials.sqlite")
    whole = read_all(model, ["", "rope=yarn:factor=2"], asked, journal)
    monkeypatch.setattr("longspan.evals.extension.trial.read", None)
    told = []
    again = read_all(model, ["", "rope=yarn:factor=2"], asked, journal, progress=lambda *said: told.append(said))
    assert again == whole
    assert told[-1] == ("compare methods", 2 * 463, 2 * 463, "tokens")


def test_a_run_that_is_stopped_goes_on_to_the_identical_result(model, tmp_path):
    asked, methods = [question(63), question(200)], ["", "rope=dynamic_ntk"]
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
    trial = read(model, "", question(63))
    assert trial.loss is None
    assert "non-finite" in trial.failure
    assert fitness(model, [question(63)], Journal(tmp_path / "f.sqlite"), "") == float("inf")
    with pytest.raises(InputError, match="unknown rope method"):
        read(model, "rope=nothing", question(63))


def test_fitness_is_the_mean_loss_and_remembered(model, tmp_path, monkeypatch):
    asked, journal = [question(63), question(99)], Journal(tmp_path / "f.sqlite")
    losses = [read(model, "rope=yarn:factor=2", each).loss for each in asked]
    assert fitness(model, asked, journal, "rope=yarn:factor=2") == pytest.approx(sum(losses) / 2)
    monkeypatch.setattr("longspan.evals.extension.trial.read", None)
    assert fitness(model, asked, journal, "rope=yarn:factor=2") == pytest.approx(sum(losses) / 2)
