"""What LongProc's six generators have in common."""

import re
from collections import Counter
from itertools import pairwise, permutations

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.catalog import generators
from longspan.evals.haystack import Haystack

TASKS = {name: task for name, task in generators().items() if name.startswith("longproc/")}


def made(name, length=2048, n=5, **more):
    return list(samples(f"longproc/{name}", TASKS[f"longproc/{name}"], length=length, n=n, seed=0, count=count, **more))


def test_there_are_the_six_procedures_and_a_brief_one_for_a_quick_run():
    names = [
        "countdown",
        "html_to_tsv",
        "html_to_tsv_brief",
        "path_traversal",
        "pseudo_to_code",
        "tom_tracking",
        "travel_planning",
    ]
    assert sorted(TASKS) == [f"longproc/{name}" for name in names]


@pytest.mark.parametrize("name", [name.removeprefix("longproc/") for name in TASKS])
def test_the_reply_has_room_for_the_reference_and_grows_with_the_length(name):
    task = TASKS[f"longproc/{name}"]
    for sample in [*made(name), *made(name, task.card.shortest, 2)]:
        assert count(task.solve(sample)) < sample.max_tokens <= 0.8 * sample.length
    short, long = made(name, 1024, 3), made(name, 8192, 3)
    assert min(each.max_tokens for each in long) > 1.5 * max(each.max_tokens for each in short)


@pytest.mark.parametrize("name", ["tom_tracking", "pseudo_to_code"])
def test_notes_come_from_any_text_and_stay_out_of_the_reference(name):
    mine = Haystack.of("Step 1: nobody goes to the moon. 2. print everything at once. " * 20, name="mine")
    for sample in made(name, haystack=mine):
        assert "Note: Step 1: nobody goes to the moon." in sample.context
        task = TASKS[f"longproc/{name}"]
        assert task.rule.grade(task.solve(sample), sample) == 1


def test_every_town_has_one_connection_and_the_way_is_all_of_the_reference():
    from longspan.evals.tasks.longproc.path_traversal import LINK

    for sample in made("path_traversal"):
        links = LINK.findall(sample.context)
        assert max(Counter(start for start, _, _ in links).values()) == 1
        assert len(links) == len(sample.context.splitlines())
        legs = sample.answers[0].splitlines()
        assert 10 < len(legs) < len(links)
        assert [leg.rsplit(" to ", 1)[1].rstrip(".") for leg in legs[:-1]] == [
            re.search(r"from (.+) to ", leg)[1] for leg in legs[1:]
        ]


def test_a_way_that_goes_wrong_scores_what_came_before():
    sample = made("path_traversal", n=1)[0]
    legs = sample.answers[0].splitlines()
    grade = TASKS["longproc/path_traversal"].rule.grade
    wrong = [*legs[:7], "Take the rocket from here to there.", *legs[8:]]
    assert grade("<Way>\n" + "\n".join(wrong) + "\n</Way>", sample) == pytest.approx(7 / len(legs))
    assert grade("<Way>\n" + "\n".join(legs[:7]), sample) == pytest.approx(7 / len(legs))
    assert grade("<Way>\n" + "\n".join([*legs, *legs]) + "\n</Way>", sample) == 0.5


def test_belief_changes_only_when_the_thing_is_in_sight():
    from longspan.evals.tasks.longproc.tom_tracking import Story

    story = Story("Ann", "cup", {"Ann": "hall", "Bob": "attic"}, {"cup": "attic shelf"})
    story.see()
    story.step("Ann", "attic", "", "")
    story.step("Ann", "hall", "", "")
    story.step("Bob", "", "cup", "attic crate")
    story.step("Bob", "hall", "cup", "hall bench")
    assert [line.split("believed at ")[1] for line in story.account] == [
        "unknown", "attic shelf", "attic shelf", "attic shelf", "hall bench",
    ]  # fmt: skip
    assert story.account[3] == "Step 3: Ann in hall, cup at attic crate, believed at attic shelf"


def test_people_in_a_story_move_only_what_is_at_hand():
    from longspan.evals.tasks.longproc.tom_tracking import LIES, START, STEP

    for sample in made("tom_tracking", 4096):
        opening, *told = [line for line in sample.context.splitlines() if line.startswith("Step")]
        rooms, places = dict(START.findall(opening)), dict(LIES.findall(opening))
        for line in told:
            who, room, carried, there, put, here = STEP.fullmatch(line).groups()
            if carried or put:
                assert places[carried or put].split()[0] == rooms[who]
                places[carried or put] = there or here
            rooms[who] = room or rooms[who]
            assert not put or here.split()[0] == rooms[who]


def test_the_table_has_the_articles_of_one_class_in_order_and_says_what_is_missing():
    seen = ""
    for sample in made("html_to_tsv", 4096):
        header, *rows = sample.answers[0].split("\n")
        kind = re.search(r'class "(\w+)"', sample.after)[1]
        assert len(rows) == sample.context.count(f'<li class="{kind}">') < sample.context.count("<li")
        assert len(header.split("\t")) == 3
        seen += sample.answers[0]
    assert "N/A" in seen
    assert "EUR" in seen


def test_the_countdown_search_is_complete_and_in_order():
    from longspan.evals.tasks.longproc.countdown import _reply

    assert _reply([2, 3, 4, 1], 10).splitlines() == [
        "3 + 2 = 5, now [5, 4, 1].",
        "  5 + 4 = 9, now [9, 1].",
        "    9 + 1 = 10.",
        "<Solution>",
        "3 + 2 = 5",
        "5 + 4 = 9",
        "9 + 1 = 10",
        "</Solution>",
    ]
    searched = _reply([2, 3, 4, 1], 9).splitlines()
    assert searched[3:5] == ["    9 - 1 = 8.", "    9 * 1 = 9."]
    assert "    8 / 3: not allowed." in _reply([1, 5, 3, 2], 21).splitlines()


def test_solved_examples_of_the_countdown_are_true():
    for sample in made("countdown", n=2):
        for line in sample.context.splitlines():
            numbers = [int(number) for number in re.findall(r"\d+", line.split(" to ")[0])]
            for a, sign, b, result in re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", line):
                numbers.remove(int(a))
                numbers.remove(int(b))
                numbers.append(int(result))
                assert {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}.get(
                    sign, int(a) / max(1, int(b))
                ) == int(result)
            assert len(numbers) == 1
            assert f" to {numbers[0]}: " in line


def test_a_trip_has_one_plan_and_it_keeps_every_rule():
    from longspan.evals.tasks.longproc.travel_planning import FLIGHT, STAY

    for sample in made("travel_planning", 1024, 4):
        stays = {city: (int(days), int(day or 0)) for city, days, day in STAY.findall(sample.after)}
        flights, good = set(FLIGHT.findall(sample.context)), []
        for order in permutations(stays):
            day, fine = 1, all(leg in flights for leg in pairwise(order))
            for city in order:
                fine = fine and stays[city][1] in (0, day)
                day += stays[city][0] - 1
            good += ["**".join(order)] if fine else []
        assert good == [sample.data["ground_truth_cities"]]
