from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.passkey import TASKS, Passkey


def made(length=1024, n=11):
    return list(samples("passkey", TASKS["passkey"], length=length, n=n, seed=0, count=count))


def test_the_key_is_1_to_50000_as_in_landmark_attention_and_stands_in_one_place():
    assert TASKS["passkey"] == Passkey(highest=50_000)
    for sample in made():
        (key,) = sample.answers
        assert 1 <= int(key) <= 50_000
        first, last = sample.spans[0]
        assert sample.context[first:last].count(key) == 2
        assert key not in (sample.context[:first] + sample.context[last:] + sample.after)


def test_the_key_lies_at_the_depth_asked_for():
    for index, sample in enumerate(made(4096)):
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.01
