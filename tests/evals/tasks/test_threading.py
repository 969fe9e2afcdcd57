import json

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.threading import LINE, TASKS, Threading


def made(task, length=4096, n=11):
    return list(samples("threading", task, length=length, n=n, seed=0, count=count))


def starts(sample):
    """Where the pairs of the one thread begin, in the order in which they are followed."""
    pairs = {key: (value, sample.context.index(f'"{key}":')) for key, value in LINE.findall(sample.context)}
    (key,) = [key for key in pairs if key in sample.after]
    found = []
    while key in pairs:
        key, at = pairs[key]
        found.append(at)
    return found


def test_the_haystack_is_one_json_object_of_uuid_pairs():
    for name in ("single", "multi_random", "thread_forward", "conditional_random"):
        (sample,) = made(TASKS[f"threading/{name}"], n=1)
        assert json.loads(sample.context) == dict(LINE.findall(sample.context))


def test_spans_are_the_pairs_that_are_asked_for():
    for task in TASKS.values():
        for sample in made(task, n=2):
            pairs = [LINE.fullmatch(sample.context[first:last]) for first, last in sample.spans]
            assert all(pairs)
            assert set(sample.answers) <= {pair[2] for pair in pairs}


def test_a_single_key_and_a_cluster_lie_at_the_depth_asked_for():
    for name in ("single", "multi_clustered", "conditional_clustered"):
        for index, sample in enumerate(made(TASKS[f"threading/{name}"])):
            assert abs(sample.depth - index * 7 % 11 / 10) < 0.08  # a cluster that ends the text begins before
            first, last = sample.spans[0][0], sample.spans[-1][1]
            assert last - first == len(sample.spans) * 78 + 2 * (len(sample.spans) - 1)


def test_a_thread_goes_down_up_or_either_way_through_the_text():
    forward, backward, random = (
        [starts(sample) for sample in made(TASKS[f"threading/thread_{way}"])]
        for way in ("forward", "backward", "random")
    )
    assert all(found == sorted(found) and len(found) == 5 for found in forward)
    assert all(found == sorted(found)[::-1] and len(found) == 5 for found in backward)
    assert any(found != sorted(found) and found != sorted(found)[::-1] for found in random)


def test_only_the_keys_asked_for_contain_the_mark():
    for sample in made(TASKS["threading/conditional_random"]):
        marked = [value for key, value in LINE.findall(sample.context) if "*" in key]
        assert sorted(marked) == sorted(sample.answers)
        assert len(marked) == 5


def test_every_key_of_a_branching_thread_but_the_last_has_three_values_and_one_leads_on():
    for sample in made(TASKS["threading/branching"], n=3):
        values = {}
        for key, value in LINE.findall(sample.context):
            values.setdefault(key, []).append(value)
        (key,) = [key for key in values if key in sample.after]
        for _ in range(3):
            assert len(values[key]) == 3
            (key,) = [value for value in values[key] if value in values]
        assert values[key] == [*sample.answers]


def test_several_branching_threads_are_refused():
    with pytest.raises(InputError, match="only one thread"):
        Threading("branches", needles=2)
