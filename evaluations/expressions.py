"""A small part of Python, evaluated over data: no names but those given, no attributes but keys, no way out. Pure.

Only the node types below exist; what a call costs is bounded (steps, sizes), so that an expression neither hangs nor
fills the memory. `a.b` means `a["b"]`; methods are those of `METHODS`, of texts and dictionaries only.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

MAX_SOURCE: Final = 1000
MAX_STEPS: Final = 100_000
MAX_SIZE: Final = 100_000  # characters or items that one operation may make
MAX_NUMBER: Final = 1e15
MAX_DEPTH: Final = 30

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs, "all": all, "any": any, "float": float, "int": int, "len": len, "max": max, "min": min, "round": round,
    "set": set, "sorted": sorted, "str": str, "sum": sum,
}  # fmt: skip
METHODS: Final = frozenset(
    {"lower", "upper", "strip", "startswith", "endswith", "split", "get", "keys", "values", "items"}
)
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b, ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}  # fmt: skip
_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip


class BadExpression(ValueError):
    """It cannot be evaluated; the message says why."""


def parse(source: str) -> ast.expr:
    """Raises BadExpression for what is not allowed."""
    if len(source) > MAX_SOURCE:
        raise BadExpression(f"Is longer than {MAX_SOURCE} characters.")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise BadExpression(f"Is no Python expression: {getattr(error, 'msg', error)}.") from None
    _check(tree, 0)
    return tree


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Raises BadExpression, also for what goes wrong inside (a key that is not there, a number too large)."""
    tree = parse(source)
    try:
        return _Evaluation().value(tree, dict(names))
    except BadExpression:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadExpression(f"Went wrong: {type(error).__name__}: {error}.") from None


_ALLOWED: Final = (
    ast.Attribute, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.Dict, ast.GeneratorExp, ast.IfExp,
    ast.List, ast.ListComp, ast.Name, ast.Set, ast.Slice, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.comprehension,
    ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


def _check(node: ast.AST, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadExpression("Is nested too deeply.")
    if not isinstance(node, _ALLOWED):
        raise BadExpression(f"{type(node).__name__} is not allowed.")
    if isinstance(node, ast.BinOp) and type(node.op) not in _BINARY:
        raise BadExpression(f"{type(node.op).__name__} is not allowed.")
    if isinstance(node, ast.UnaryOp) and type(node.op) not in _UNARY:
        raise BadExpression(f"{type(node.op).__name__} is not allowed.")
    named = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if named.startswith("_"):
        raise BadExpression(f"{named} is not allowed.")
    if isinstance(node, ast.Call) and (node.keywords or any(isinstance(each, ast.Starred) for each in node.args)):
        raise BadExpression("Give arguments by position.")
    for child in ast.iter_child_nodes(node):
        _check(child, depth + 1)


class _Evaluation:
    def __init__(self) -> None:
        self._steps = 0

    def value(self, node: ast.AST, names: dict[str, Any]) -> Any:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise BadExpression(f"Takes more than {MAX_STEPS} steps.")
        made = getattr(self, f"_{type(node).__name__.lower()}")(node, names)
        return _bounded(made)

    def _constant(self, node: ast.Constant, names: dict[str, Any]) -> Any:
        return node.value

    def _name(self, node: ast.Name, names: dict[str, Any]) -> Any:
        if node.id not in names:
            raise BadExpression(f"There is no {node.id}. Known: {', '.join(sorted(names))}.")
        return names[node.id]

    def _attribute(self, node: ast.Attribute, names: dict[str, Any]) -> Any:
        held = self.value(node.value, names)
        if not isinstance(held, Mapping) or node.attr not in held:
            raise BadExpression(f"There is no {node.attr} in {ast.unparse(node.value)}.")
        return held[node.attr]

    def _subscript(self, node: ast.Subscript, names: dict[str, Any]) -> Any:
        return self.value(node.value, names)[self.value(node.slice, names)]

    def _slice(self, node: ast.Slice, names: dict[str, Any]) -> slice:
        return slice(*(None if end is None else self.value(end, names) for end in (node.lower, node.upper, node.step)))

    def _boolop(self, node: ast.BoolOp, names: dict[str, Any]) -> Any:
        stops_at = isinstance(node.op, ast.Or)
        result: Any = None
        for each in node.values:
            result = self.value(each, names)
            if bool(result) is stops_at:
                break
        return result

    def _unaryop(self, node: ast.UnaryOp, names: dict[str, Any]) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand, names))

    def _binop(self, node: ast.BinOp, names: dict[str, Any]) -> Any:
        left, right = self.value(node.left, names), self.value(node.right, names)
        if not isinstance(node.op, ast.Add) and not all(isinstance(each, int | float) for each in (left, right)):
            raise BadExpression(f"Only numbers can be calculated with: {ast.unparse(node)}.")
        return _BINARY[type(node.op)](left, right)

    def _compare(self, node: ast.Compare, names: dict[str, Any]) -> bool:
        left = self.value(node.left, names)
        for op, each in zip(node.ops, node.comparators, strict=True):
            right = self.value(each, names)
            if not _COMPARE[type(op)](left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp, names: dict[str, Any]) -> Any:
        return self.value(node.body if self.value(node.test, names) else node.orelse, names)

    def _list(self, node: ast.List, names: dict[str, Any]) -> list[Any]:
        return [self.value(each, names) for each in node.elts]

    def _tuple(self, node: ast.Tuple, names: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(self._list(node, names))  # type: ignore[arg-type]  # both have `elts`

    def _set(self, node: ast.Set, names: dict[str, Any]) -> set[Any]:
        return {self.value(each, names) for each in node.elts}

    def _dict(self, node: ast.Dict, names: dict[str, Any]) -> dict[Any, Any]:
        if any(key is None for key in node.keys):
            raise BadExpression("** is not allowed.")
        return {
            self.value(key, names): self.value(value, names)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }

    def _listcomp(self, node: ast.ListComp, names: dict[str, Any]) -> list[Any]:
        return [self.value(node.elt, inner) for inner in self._scopes(node.generators, names)]

    def _generatorexp(self, node: ast.GeneratorExp, names: dict[str, Any]) -> list[Any]:
        return [self.value(node.elt, inner) for inner in self._scopes(node.generators, names)]

    def _scopes(self, generators: list[ast.comprehension], names: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not generators:
            yield names
            return
        first, *rest = generators
        for item in self.value(first.iter, names):
            inner = names | _bound(first.target, item)
            if all(self.value(test, inner) for test in first.ifs):
                yield from self._scopes(rest, inner)

    def _call(self, node: ast.Call, names: dict[str, Any]) -> Any:
        given = [self.value(each, names) for each in node.args]
        if isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            return FUNCTIONS[node.func.id](*given)
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            held = self.value(node.func.value, names)
            if isinstance(held, str | dict):
                made = getattr(held, node.func.attr)(*given)
                return list(made) if node.func.attr in ("keys", "values", "items") else made
        known = ", ".join(sorted(FUNCTIONS)) + "; methods " + ", ".join(sorted(METHODS))
        raise BadExpression(f"There is no function {ast.unparse(node.func)}. Known: {known}.")


def _bound(target: ast.expr, item: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: item}
    if isinstance(target, ast.Tuple):
        parts = list(item)
        if len(parts) != len(target.elts):
            raise BadExpression(f"Cannot take apart {ast.unparse(target)}.")
        pairs = [_bound(each, part) for each, part in zip(target.elts, parts, strict=True)]
        return {name: value for pair in pairs for name, value in pair.items()}
    raise BadExpression(f"{ast.unparse(target)} cannot be bound.")


def _bounded(value: Any) -> Any:
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise BadExpression("A number is too large.")
    if isinstance(value, str | list | tuple | set | dict) and len(value) > MAX_SIZE:
        raise BadExpression("A value is too large.")
    return value
