"""Programs in a small part of Python, run by counting steps and never by Python itself."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping

from longspan.evals.task import Rule, Sample

LARGEST = 10**12
"""No number may be larger."""
LONGEST = 500_000
"""Characters of code that are read."""
WIDEST = 200
"""Characters of a line."""
_OPERATORS: Mapping[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Refused(ValueError):
    """Code that is not in the language, or a run that went too far."""


class Machine:
    """Runs whole-number programs of assignments, if, while, for over range, and print of one value."""

    def __init__(self, given: Mapping[str, int], steps: int) -> None:
        """`given` are the variables that are set from the start, `steps` the statements and operations allowed."""
        self.values = dict(given)
        self.printed: list[int] = []
        self.steps = steps

    def block(self, body: Iterable[ast.stmt]) -> None:
        """Run statements in order."""
        for statement in body:
            self._count()
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.values[name] = self.value(value)
                case ast.AugAssign(target=ast.Name(id=name), op=sign, value=value):
                    self.values[name] = self._operate(sign, self._named(name), self.value(value))
                case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[value], keywords=[])):
                    self.printed.append(self.value(value))
                case ast.If(test=test, body=then, orelse=other):
                    self.block(then if self.value(test) else other)
                case ast.While(test=test, body=inner, orelse=[]):
                    while self.value(test):
                        self.block(inner)
                case ast.For(target=ast.Name(id=name), iter=over, body=inner, orelse=[]):
                    for number in self._range(over):
                        self._count()
                        self.values[name] = number
                        self.block(inner)
                case ast.Pass():
                    pass
                case _:
                    raise Refused(f"{type(statement).__name__} is not in the language")

    def value(self, node: ast.expr) -> int:
        """The number an expression stands for."""
        self._count()
        match node:
            case ast.Constant(value=bool()):
                raise Refused("only whole numbers are in the language")
            case ast.Constant(value=int(number)) if abs(number) <= LARGEST:
                return number
            case ast.Name(id=name):
                return self._named(name)
            case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self._operate(sign, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
        raise Refused(f"{type(node).__name__} is not in the language")

    def _named(self, name: str) -> int:
        if name not in self.values:
            raise Refused(f"{name} has no value")
        return self.values[name]

    def _operate(self, sign: ast.AST, left: int, right: int) -> int:
        known = _OPERATORS.get(type(sign))
        if known is None or (right == 0 and isinstance(sign, ast.Mod | ast.FloorDiv)):
            raise Refused(f"{type(sign).__name__} is not possible here")
        result = int(known(left, right))
        if abs(result) > LARGEST:
            raise Refused(f"a number above {LARGEST}")
        return result

    def _range(self, over: ast.expr) -> range:
        match over:
            case ast.Call(func=ast.Name(id="range"), args=[count], keywords=[]):
                return range(self.value(count))
            case ast.Call(func=ast.Name(id="range"), args=[first, end], keywords=[]):
                return range(self.value(first), self.value(end))
        raise Refused("a for loop goes over range")

    def _count(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Refused("the run takes too many steps")


def run(code: str, given: Mapping[str, int], steps: int) -> list[int]:
    """What a program prints; Refused (a ValueError) where it is not in the language or takes more steps than given."""
    if len(code) > LONGEST or any(len(line) > WIDEST for line in code.splitlines()):
        raise Refused("the code is too long")
    machine = Machine(given, steps)
    try:
        machine.block(ast.parse(code).body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise Refused(f"not a program: {error}") from None
    return machine.printed


def fenced(reply: str) -> str:
    """The code in the first fence of a reply; the whole reply without one, what follows where it is not closed."""
    opened = re.search(r"```[a-z]*\n", reply)
    return reply[opened.end() :].partition("```")[0] if opened else reply


def program_output(prediction: str, sample: Sample) -> float:
    """1 when the reply's program prints what the sample's `data["printed"]` has for each of its `data["given"]`.

    A run may take `data["steps"]` statements and operations.
    """
    code, steps = fenced(prediction), sample.data["steps"]
    pairs = zip(sample.data["given"], sample.data["printed"], strict=True)
    try:
        return float(all(run(code, given, steps) == printed for given, printed in pairs))
    except ValueError:
        return 0.0


PROGRAM_OUTPUT = Rule("longspan.program_output", program_output)
