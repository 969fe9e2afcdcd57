from types import SimpleNamespace

import pytest

from longspan.evals.metrics.threading import LONGEST, VALUE, VALUES

A, B, C = ("1759edc3-72ae-2244-8b01-63c1cd9d2b7d", "f728b4fa-4248-5e3a-0a5d-2f346baa9455", "x" * 36)


def asked(*answers):
    return SimpleNamespace(answers=answers)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (f'"{A}"', 1),
        (f"'{A}'\n", 1),
        (A, 1),
        (f'"{A} and more"', 1),
        (f'"The value is {A}"', 0),
        (f"The value is {A}", 0),
        (f"['{A}']", 0),
        (B, 0),
        ("", 0),
        ("[" * 5000, 0),
        ("\x00", 0),
        (r'"\d"', 0),
        ("1" * 6000, 0),
    ],
)
def test_a_value_is_read_as_a_literal_and_compared_over_its_own_length(reply, score):
    assert VALUE.grade(reply, asked(A)) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (f"['{A}', '{B}']", 1),
        (f"['{B}', '{A}']", 1),
        (f"('{A}',)", 0.5),
        (f"['{A}', '{A}']", 0.5),
        (f"['{A}', '{B}', '{C}', 'more']", 0.5),
        (f"{A}, {B}", 1),
        (f"['{A}', '{B}'", 1),
        (f'"{A}"', 0.5),
        ("[]", 0),
        ("{}", 0),
        ("", 0),
        ("[" * LONGEST + "[", 0),
    ],
)
def test_a_list_counts_by_the_values_it_has_out_of_those_it_gives_or_should(reply, score):
    assert VALUES.grade(reply, asked(A, B)) == score
