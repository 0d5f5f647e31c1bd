"""Arithmetic on captures: `quantity * price + side_price`. Pure; read with `ast`, never evaluated as code."""

import ast
import operator
from collections.abc import Callable, Mapping

from agents.script.words import number

MAX_FORMULA_CHARS = 200
MAX_VALUE = 1e12

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"round": round, "min": min, "max": max}


class FormulaError(ValueError):
    """A formula that cannot be read or worked out. The message says why."""


def parse_formula(text: str) -> ast.expr:
    """Numbers, captures, + - * / // %, parentheses, round, min, max. Raises FormulaError."""
    if len(text) > MAX_FORMULA_CHARS:
        raise FormulaError(f"longer than {MAX_FORMULA_CHARS} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as problem:
        if isinstance(problem, FormulaError):
            raise
        raise FormulaError('not a formula; write for example "quantity * price"') from None
    return tree


def work_out(tree: ast.expr, captures: Mapping[str, object]) -> int | float:
    """The value, to the cent. Number words count ("two"). Raises FormulaError."""
    try:
        value = round(_value(tree, captures), 2)
    except (ZeroDivisionError, OverflowError, TypeError, ValueError) as problem:
        if isinstance(problem, FormulaError):
            raise
        raise FormulaError(f"cannot be worked out: {type(problem).__name__}") from None
    return int(value) if value == int(value) else value


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            _bounded(float(value))
        case ast.Name():
            pass
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            _check(left)
            _check(right)
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as args, keywords=[]) if name in _FUNCTIONS:
            for argument in args:
                _check(argument)
        case _:
            raise FormulaError("only numbers, captures, + - * / // %, parentheses, round, min and max are allowed")


def _value(node: ast.expr, captures: Mapping[str, object]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return _captured(name, captures)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, captures)
        case ast.BinOp(op=op, left=left, right=right):
            return _bounded(_OPERATORS[type(op)](_value(left, captures), _value(right, captures)))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(name, [_value(argument, captures) for argument in args])
        case _:
            raise FormulaError("not a formula")


def _call(name: str, values: list[float]) -> float:
    if name == "round":
        return round(values[0], int(values[1]) if len(values) > 1 else 0)
    return values[0] if len(values) == 1 else _FUNCTIONS[name](*values)


def _captured(name: str, captures: Mapping[str, object]) -> float:
    value = number(captures[name]) if name in captures else None
    if value is None:
        raise FormulaError(f"{name} is not a number" if name in captures else f"{name} is not known yet")
    return _bounded(value)


def _bounded(value: float) -> float:
    if not abs(value) <= MAX_VALUE:
        raise FormulaError("the value is too large")
    return value
