"""LongProc's rules for long replies that follow a procedure, as in princeton-pli/LongProc, and two of our own."""

from __future__ import annotations

import csv
import re
import string
from collections.abc import Callable, Sequence

from longspan.evals.metrics.overlap import harmonic, normalize
from longspan.evals.task import Rule, Sample

ORIGIN = "princeton-pli/LongProc 78e873a"
_UNTOLD = re.compile(r"\b(a|an|the|on|in|at|step|thinks|think|believes|believe|is|are|of|location|know|knows|belief)\b")
_MARKS = str.maketrans("", "", string.punctuation)
_OPERATIONS: dict[str, Callable[[int, int], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def between(reply: str, tag: str) -> str | None:
    """What lies between the first `<tag>` and the first `</tag>`, stripped; None where one is missing."""
    start, end = reply.find(f"<{tag}>"), reply.find(f"</{tag}>")
    return None if -1 in (start, end) else reply[start + len(tag) + 2 : end].strip()


def row_f1(prediction: str, sample: Sample) -> float:
    """F1 of table rows, in any order, cells without case, punctuation, articles and spaces.

    Quirks kept: header names are not compared; a last row of another width is dropped, an earlier one counts as a
    wrong row, and so does an empty line; doubled header names or another number of columns make 0.
    """
    fenced = re.search(r"```tsv([\s\S]*)```", prediction)
    text = fenced[1] if fenced else prediction.split("```tsv")[1] if "```tsv" in prediction else prediction
    wanted, given = _table(sample.answers[0]), _table(text)
    if not wanted or not given or len(wanted[0]) != len(given[0]):
        return 0.0
    precision = sum(row in wanted for row in given) / len(given)
    recall = sum(row in given for row in wanted) / len(wanted)
    return harmonic(precision, recall)


def _table(text: str) -> list[tuple[str, ...]]:
    """Rows under the header; empty where there are none."""
    try:
        header, *rows = list(csv.reader(text.strip().split("\n"), delimiter="\t"))
    except csv.Error:
        return []
    if rows and len(rows[-1]) != len(header):
        rows.pop()
    if len(set(header)) != len(header):
        return []
    blank = ["N/A"] * len(header)
    return [tuple(_cell(cell) for cell in (row if len(row) == len(header) else blank)) for row in rows]


def _cell(text: str) -> str:
    return normalize(text.lower()).replace(" ", "")


def route(prediction: str, sample: Sample) -> float:
    """1 when what stands in `<Route>` is the reference, character by character."""
    return float(between(prediction, "Route") == sample.answers[0].strip())


def route_part(prediction: str, sample: Sample) -> float:
    """The share of reference lines up to the first error. Quirk kept: the line with the error counts as right."""
    wanted, given = sample.answers[0].strip(), between(prediction, "Route")
    if given is None or given == wanted:
        return float(given == wanted)
    lines, pairs = wanted.split("\n"), list(zip(wanted.split("\n"), given.split("\n"), strict=False))
    wrong = next((index for index, (a, b) in enumerate(pairs) if a != b), len(pairs) - 1)
    return (wrong + 1) / len(lines)


def beliefs(prediction: str, sample: Sample) -> float:
    """1 when all lines that begin with `-` are the reference's, small words and punctuation aside."""
    return float(_beliefs(prediction) == _beliefs(sample.answers[0]))


def beliefs_part(prediction: str, sample: Sample) -> float:
    """The share of reference lines before the first error. Quirk kept: further lines after the right ones cost nothing,
    and an indented line is not read unless it is the first."""
    wanted, given = _beliefs(sample.answers[0]), _beliefs(prediction)
    return _agreeing(given, wanted) / len(wanted) if wanted else 0.0


def _beliefs(text: str) -> list[str]:
    lines = "\n".join(line for line in text.splitlines() if line.strip().startswith("-")).strip().split("\n")
    found = (_told(line[1:].strip()) for line in lines if line.startswith("-"))
    return [line for line in found if line]


def _told(line: str) -> str:
    return " ".join(_UNTOLD.sub(" ", line.lower().translate(_MARKS).replace("\u2019", "")).split())


def countdown(prediction: str, sample: Sample) -> float:
    """1 when `<Solution>` holds three equations that are true, use each number once and end at the target."""
    solution = between(prediction, "Solution")
    return float(solution is not None and _reaches(solution, sample.data["nums"], sample.data["target"]))


def _reaches(solution: str, numbers: Sequence[int], target: int) -> bool:
    left, lines = list(numbers), solution.split("\n")
    if len(lines) != 3:
        return False
    for line in lines:
        try:
            term, result = line.split("=")
            operation = next(sign for sign in (*_OPERATIONS, "") if sign in term)
            a, b = (int(part) for part in term.split(operation))
            if _OPERATIONS[operation](a, b) != int(result):
                return False
            left.remove(a)
            left.remove(b)
            left.append(int(result))
        except (ValueError, ZeroDivisionError, KeyError, OverflowError):
            return False
    return left[0] == target


def countdown_part(prediction: str, sample: Sample) -> float:
    """1 for a right solution, else the share of search lines before the first wrong step (picks must be equal, tries
    must have the same left side and the same end). Quirk kept: the lines are counted from one less."""
    if countdown(prediction, sample):
        return 1.0
    if "# Search Procedure" not in prediction:
        return 0.0
    given = prediction.split("# Search Procedure")[-1].strip().split("\n")
    reference = sample.answers[0].split("# Search Procedure")[-1].split("Now we have found the target")[0]
    wanted = reference.strip().split("\n")
    if given[0] != wanted[0]:
        return 0.0
    steps = list(zip(given[1:], wanted[1:], strict=False))
    wrong = next((index for index, step in enumerate(steps) if not _same_step(*step)), len(steps) - 1)
    return max(0, wrong) / max(1, len(wanted) - 1)


def _same_step(given: str, wanted: str) -> bool:
    """Whether a line of a search does what the reference does."""
    drop = "drop this branch"
    if given == wanted or "Pick two numbers" in wanted:
        return given == wanted
    return given.split("=")[0] == wanted.split("=")[0] and (drop in given) == (drop in wanted)


def trip(prediction: str, sample: Sample) -> float:
    """1 when the cities and days of `<Plan>`, read from its flights, begin with the reference's. Quirk kept: a city's
    name is one word."""
    plan = between(prediction, "Plan")
    cities, days = (sample.data[name].split("**") for name in ("ground_truth_cities", "ground_truth_durations"))
    wanted = [(city, int(stay)) for city, stay in zip(cities, days, strict=False) if city and stay]
    try:
        return float(bool(wanted) and plan is not None and _stays(plan)[: len(wanted)] == wanted)
    except ValueError:  # a number of more digits than Python reads
        return 0.0


def _stays(plan: str) -> list[tuple[str, int]]:
    """Cities and the days spent in each: from the day of the flight there to the day of the flight on."""
    last, total = None, None
    flights: list[tuple[str, str, str]] = []
    for line in plan.split("\n"):
        told = re.findall(r"European cities for (\d+) days", line)
        total = int(told[0]) if told else total
        if visit := re.findall(r"(?<!\d)\d+-\d+", line):
            last = int(visit[0].split("-")[1])
            if last == total:
                break
        if flight := "from" in line and re.match(r".*Day (\d+).*from (\w+) to (\w+)", line):
            flights.append((flight[1], flight[2], flight[3]))
    if last is None or not flights:
        return []
    cities = [flights[0][1], *(end for _, _, end in flights)]
    days = [1, *(int(day) for day, _, _ in flights), last]
    return [(city, days[index + 1] - days[index] + 1) for index, city in enumerate(cities)]


def lines_before_error(prediction: str, sample: Sample) -> float:
    """The share of right lines before the first wrong one, of the reference's or the reply's lines, whichever are more.

    Lines are those between the sample's `data["tag"]`; case, punctuation, articles and outer spaces do not matter. A
    reply that was cut before the end tag keeps what it has.
    """
    tag = sample.data["tag"]
    body = prediction.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    wanted, given = _plain(sample.answers[0]), _plain(body)
    return _agreeing(given, wanted) / max(len(wanted), len(given), 1)


def _plain(text: str) -> list[str]:
    lines = (normalize(line.casefold()) for line in text.splitlines())
    return [line for line in lines if line]


def _agreeing(given: Sequence[str], wanted: Sequence[str]) -> int:
    """How many lines agree before the first that do not."""
    pairs = list(zip(given, wanted, strict=False))
    return next((index for index, (a, b) in enumerate(pairs) if a != b), len(pairs))


def code_lines(prediction: str, sample: Sample) -> float:
    """The share of the reference's lines of code that stand in the reply's fenced code, in their order, spaces aside.

    The official rule compiles and runs the reply: a stranger's program on this machine. This one does not, and is
    stricter: a right program in other words scores less than 1.
    """
    fenced = re.search(r"```(?:cpp|c\+\+)([\s\S]*)```", prediction)
    if fenced is None:
        return 0.0
    given, wanted = _squeezed(fenced[1]), _squeezed(sample.answers[0])
    found, at = 0, 0
    for line in wanted:
        if line in given[at:]:
            at = given.index(line, at) + 1
            found += 1
    return found / len(wanted) if wanted else 0.0


def _squeezed(code: str) -> list[str]:
    lines = ("".join(line.split()) for line in code.splitlines())
    return [line for line in lines if line]


ROW_F1 = Rule("longproc.row_f1", row_f1, ORIGIN)
ROUTE = Rule("longproc.path_accuracy", route, ORIGIN)
ROUTE_PART = Rule("longproc.path_partial_accuracy", route_part, ORIGIN)
BELIEFS = Rule("longproc.tom_accuracy", beliefs, ORIGIN)
BELIEFS_PART = Rule("longproc.tom_partial_accuracy", beliefs_part, ORIGIN)
COUNTDOWN = Rule("longproc.countdown_accuracy", countdown, ORIGIN)
COUNTDOWN_PART = Rule("longproc.countdown_partial_accuracy", countdown_part, ORIGIN)
TRIP = Rule("longproc.travel_accuracy", trip, ORIGIN)
LINES_BEFORE_ERROR = Rule("longspan.lines_before_error", lines_before_error)
CODE_LINES = Rule("longspan.code_lines", code_lines)
