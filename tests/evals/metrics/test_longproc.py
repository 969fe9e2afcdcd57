import pytest

from longspan.evals.metrics.longproc import (
    beliefs,
    beliefs_part,
    code_lines,
    countdown,
    countdown_part,
    lines_before_error,
    route,
    route_part,
    row_f1,
    trip,
)
from longspan.evals.task import Sample

ODD = [
    "",
    "\n",
    "```tsv",
    "<Route></Route>",
    "</Plan><Plan>",
    "-",
    "<Solution>=\n=\n=</Solution>",
    "\t\t\n\t",
    '"',
    "\0\ud800",
]


def sample(reference="", **data):
    return Sample(
        task="t",
        id="0",
        before="",
        context="",
        after="",
        answers=(reference,),
        max_tokens=9,
        data={"tag": "Way", **data},
    )


TABLE = sample("name\tprice\nThe Red Lamp\t$1,200\nOak desk\tN/A\nOak desk\t7\nBlue pen\t3")


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (TABLE.answers[0], 1),
        ("Here:\n```tsv\n" + TABLE.answers[0] + "\n```\nDone", 1),
        ("x\ty\nblue pen!\t3\nREDLAMP\t1200\noak desk\tna\noakdesk\t7", 1),  # headers, order, case, marks, spaces
        ("name\tprice\nBlue pen\t3\nOak desk\t8", 2 * 0.5 * 0.25 / 0.75),
        ("name\tprice\nBlue pen\t3\nBlue pen\t3", 2 * 1 * 0.25 / 1.25),  # a double row is right twice, recalled once
        ("name\tprice\nBlue pen\t3\nand so on", 2 * 1 * 0.25 / 1.25),  # a last row of another width is left out
        ("name\tprice\n\nBlue pen\t3", 2 * 0.5 * 0.25 / 0.75),  # an empty line before is a wrong row
        ("name\tname\nBlue pen\t3", 0),  # doubled header
        ("name\tprice\tcity\nBlue pen\t3\tRome", 0),
        ("name\tprice", 0),
        ('name\tprice\n"Blue pen\t3', 0),  # an open quote swallows the row
    ],
)
def test_rows_count_in_any_order(reply, score):
    assert row_f1(reply, TABLE) == pytest.approx(score)


ROUTE = sample("From A, go to B.\nFrom B, go to C.\nFrom C, go to D.\nFrom D, go to E.\n")


@pytest.mark.parametrize(
    ("lines", "strict", "part"),
    [
        ("From A, go to B.\nFrom B, go to C.\nFrom C, go to D.\nFrom D, go to E.", 1, 1),
        ("From A, go to B.\nFrom B, go to X.\nFrom X, go to D.", 0, 2 / 4),  # the wrong line counts
        ("nonsense", 0, 1 / 4),
        ("From A, go to B.\nFrom B, go to C.", 0, 2 / 4),
        ("From A, go to B.\nFrom B, go to C.\nFrom C, go to D.\nFrom D, go to E.\nFrom E, go to F.", 0, 1),
        ("from a, go to b.", 0, 1 / 4),
    ],
)
def test_a_route_is_compared_by_character(lines, strict, part):
    reply = f"Let me see.\n<Route>\n{lines}\n</Route>"
    assert route(reply, ROUTE) == strict
    assert route_part(reply, ROUTE) == pytest.approx(part)
    assert route(lines, ROUTE) == route_part(lines, ROUTE) == 0


BELIEFS = sample("Ann's belief:\n- Step 0: {Ann location: hall}\n- Step 1: {Ann location: attic}\nFinal Answer: x")


@pytest.mark.parametrize(
    ("reply", "strict", "part"),
    [
        ("- 0 Ann: hall\n- step 1: Ann is in the ATTIC!", 1, 1),  # small words are not read
        ("- 0 Ann: hall\n  - 1 Ann attic", 0, 1 / 2),  # nor are indented lines
        ("  - 0 Ann: hall\n- 1 Ann attic", 1, 1),  # but for the first
        ("- 0 Ann: hall", 0, 1 / 2),
        ("- 0 Ann: hall\n- 1 Ann attic\n- 2 Ann hall", 0, 1),
        ("- 0 Ann: hall\n- 1 Ann cellar", 0, 1 / 2),
        ("- 0 Bob: hall\n- 1 Ann attic", 0, 0),
        ("0 Ann hall\n1 Ann attic", 0, 0),
    ],
)
def test_beliefs_are_compared_line_by_line(reply, strict, part):
    assert beliefs(reply, BELIEFS) == strict
    assert beliefs_part(reply, BELIEFS) == part


SEARCH = """# Search Procedure
Initial numbers.
 |- Pick two numbers (4, 2).
  |- Try 4 + 2 = 6. Add 6.
   |- Try 6 + 9 = 15. 15 != 7, drop this branch.
   |- Try 9 - 6 = 3. 3 == 3, target found!

Now we have found the target, trace back."""
NUMBERS = sample(SEARCH, nums=[4, 2, 9, 1], target=3)


@pytest.mark.parametrize(
    ("solution", "score"),
    [
        ("4 + 2 = 6\n9 - 6 = 3\n3 * 1 = 3", 1),
        ("4+2=6\n 9-6=3\n3/1=3", 1),
        ("4 + 2 = 6\n9 - 6 = 3", 0),  # a number is left
        ("4 + 2 = 6\n9 - 6 = 4\n4 - 1 = 3", 0),  # not true
        ("4 + 2 = 6\n4 - 1 = 3\n3 * 1 = 3", 0),  # used twice
        ("2 - 4 = -2\n9 - 1 = 8\n8 + -2 = 6", 0),  # true, but not the target
        ("4 - 2 - 1 = 1\n9 - 6 = 3\n3 * 1 = 3", 0),
        ("9 / 2 = 4\n4 - 1 = 3\n4 - 1 = 3", 0),
        ("4 ^ 2 = 6\n9 - 6 = 3\n3 * 1 = 3", 0),
        ("4 / 0 = 1\n1 = 1\n= 3", 0),
    ],
)
def test_three_equations_must_be_true_and_use_each_number_once(solution, score):
    assert countdown(f"...\n<Solution>\n{solution}\n</Solution>", NUMBERS) == score


@pytest.mark.parametrize(
    ("line", "new", "part"),
    [
        ("", "", 3 / 4),  # all four lines right, counted from one less
        ("Initial", "First", 0),
        ("(4, 2)", "(2, 4)", 0),
        ("4 + 2 = 6. Add 6.", "4 + 2 = 7. Go on.", 3 / 4),  # what comes after = is not compared
        ("4 + 2 = 6", "4 - 2 = 6", 1 / 4),
        ("drop this branch", "go on", 2 / 4),
        ("# Search Procedure", "Search", 0),
    ],
)
def test_a_search_counts_up_to_the_first_wrong_step(line, new, part):
    reply = SEARCH.split("\n\n")[0].replace(line, new) if line else SEARCH.split("\n\n")[0]
    assert countdown_part(reply, NUMBERS) == part
    assert countdown_part(reply + "<Solution>4 + 2 = 6\n9 - 6 = 3\n3 * 1 = 3</Solution>", NUMBERS) == 1


TRIP = sample(ground_truth_cities="Rome**Oslo**Bonn", ground_truth_durations="3**4**2")
PLAN = """**Day 1-3:** Rome for 3 days.
**Day 3:** Fly from Rome to Oslo.
**Day 3-6:** Oslo for 4 days.
**Day 6:** Fly from Oslo to Bonn.
**Day 6-7:** Bonn for 2 days."""


@pytest.mark.parametrize(
    ("plan", "score"),
    [
        (PLAN, 1),
        (PLAN.replace("Day 3:", "Day 4:"), 0),
        (PLAN.replace("to Bonn", "to Genoa"), 0),
        (PLAN.replace("Day 6-7", "Day 6-9"), 0),
        (PLAN + "\n**Day 7:** Fly from Bonn to Rome.\n**Day 7-9:** Rome.", 1),  # what follows is not read
        (PLAN.split("\n**Day 6:")[0], 0),
        ("Day 1-" + "9" * 5000 + "\nDay 3: from Rome to Oslo", 0),
    ],
)
def test_a_trip_is_read_from_its_flights(plan, score):
    assert trip(f"<Plan>\n{plan}\n</Plan>", TRIP) == score
    assert trip(plan, TRIP) == 0


def test_our_lines_count_neither_the_wrong_line_nor_what_follows_the_end():
    task = sample("Take the train to A.\nTake a bus to B.")
    assert lines_before_error("<Way>\nTake train to a\n\n take bus to B </Way>", task) == 1
    assert lines_before_error("<Way>\nTake the train to A.\nTake a bus to C.</Way>", task) == 0.5
    assert lines_before_error("<Way>\nTake the train to A.\nTake a bu", task) == 0.5
    assert lines_before_error("<Way>\nTake the train to A.\nTake a bus to B.\nx\ny</Way>", task) == 0.5
    assert lines_before_error("Take the train to A.\nTake a bus to B.", task) == 0


def test_lines_of_code_are_found_in_order():
    task = sample("int main() {\n    int x;\n    cin >> x;\n}")
    assert code_lines("```cpp\nint main(){\nint x;\ncin>>x;\nreturn 0;\n}\n```", task) == 1
    assert code_lines("```c++\nint main(){\ncin>>x;\nint x;\n}\n```", task) == 0.75
    assert code_lines("int main(){\nint x;\ncin>>x;\n}", task) == 0


@pytest.mark.parametrize("rule", [row_f1, route, route_part, beliefs, beliefs_part, countdown, countdown_part, trip])
def test_odd_replies_score_0(rule):
    full = sample("a\tb\n1\t2\n- x\n# Search Procedure\nz", nums=[1, 2, 3, 4], target=9, **dict(TRIP.data))
    for reply in ODD:
        assert rule(reply, full) in (0, 1 / 5)  # the official partial route counts one wrong line
