from collections import Counter
from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.listops import TASKS, tree


def nested(words):
    """A tree as lists: `[MIN 1 [SM 2 3 ] ]` is ["MIN", 1, ["SM", 2, 3]]."""
    stack = [[]]
    for word in words:
        if word == "]":
            done = stack.pop()
            stack[-1].append(done)
        elif word.startswith("["):
            stack.append([word[1:]])
        else:
            stack[-1].append(int(word))
    assert len(stack) == 1
    return stack[0][0]


def value(node):
    """Long Range Arena's `to_value`, with the median worked out from the sorted list."""
    if isinstance(node, int):
        return node
    values = sorted(value(part) for part in node[1:])
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) // 2
    return {"MIN": values[0], "MAX": values[-1], "MED": median, "SM": sum(values) % 10}[node[0]]


def operations(node, depth=1):
    if not isinstance(node, int):
        yield depth, len(node) - 1
        for part in node[1:]:
            yield from operations(part, depth + 1)


@pytest.mark.parametrize("symbols", [4, 5, 6, 7, 20, 63, 500, 2000])
def test_a_tree_has_as_many_symbols_as_asked_and_the_value_of_its_operations(symbols):
    for seed in range(5):
        words, found = tree(Random(seed), symbols)
        assert len(words) == symbols
        assert found == value(nested(words))


def test_operations_have_2_to_10_arguments_on_at_most_9_levels():
    found = [each for seed in range(5) for each in operations(nested(tree(Random(seed), 2000)[0]))]
    assert {arguments for _, arguments in found} == set(range(2, 11))
    assert 5 < max(depth for depth, _ in found) <= 9


def test_trees_of_a_length_are_as_frequent_as_the_original_makes_them():
    # Eight symbols: six digits, 3/4^6; or three arguments, one of them an operation on two digits, 3 * 3/4^4 * 1/4 / 9;
    # or two arguments, one of them an operation on three digits, 2 * 3/4^4 * 1/4 / 9. Each 1/9 for the root's number.
    chances = {6: 0.75**6, 3: 3 * 0.75**4 * 0.25 / 9, 2: 2 * 0.75**4 * 0.25 / 9}
    found = Counter(len(nested(tree(Random(seed), 8)[0])) - 1 for seed in range(4000))
    assert set(found) == set(chances)
    for arguments, chance in chances.items():
        assert found[arguments] / 4000 == pytest.approx(chance / sum(chances.values()), abs=0.02)


def test_long_trees_hold_an_operation_for_every_seven_symbols_as_the_original_does():
    # 1,050 trees of 145 to 155 symbols by the original's rule had 22.3 operations on average, with a deviation of 1.8.
    found = [tree(Random(seed), 145 + seed % 11)[0].count("]") for seed in range(200)]
    assert sum(found) / 200 == pytest.approx(22.3, abs=0.5)


def test_the_length_is_hit_within_1_percent_though_the_expression_is_one_line():
    for length in (300, 1024, 4096):
        for sample in samples("listops", TASKS["listops"], length=length, n=3, seed=0, count=count):
            assert 0 <= length - count(sample.prompt, sample.start) - sample.max_tokens <= max(0.01 * length, 4)
