"""Small faults, put one at a time into the code of a module: the faults that tests of a safety gate have to notice."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMMUTATIVE = {"max", "min", "maximum", "minimum", "fmax", "hypot"}
"""Functions whose arguments may be exchanged (ISO C, F.10.4.3, says so of hypot)."""
_KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Pass, ast.Return)
"""Statements that are not left out: without them nothing works, and any test says so. What is returned becomes None instead."""

_Path = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        line: where.
        function: in which, by its dotted name; empty at the top of the module.
        before: the statement; of one that has others in it, its first line.
        after: what it was turned into.
    """

    line: int
    function: str
    before: str
    after: str
    _module: ast.Module
    _path: _Path
    _node: ast.AST

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is, wherever in its function it stands."""
        return self.function, self.before, self.after

    def tree(self) -> ast.Module:
        """The whole module with it."""
        changed = copy.deepcopy(self._module)
        _put(changed, self._path, copy.deepcopy(self._node))
        return ast.fix_missing_locations(changed)


def mutants(source: str) -> Iterator[Mutant]:
    """Every fault of a module, in the order of its lines."""
    module = ast.parse(source)
    for place in _places(module, _Place(module, (), module, 0, "")):
        for fault in _faults(place.node):
            yield Mutant(place.line, place.function, _text(place.statement), _text(place.with_(fault)), module, place.path, fault)


@dataclass(frozen=True)
class _Place:
    """A node, the way to it, and the statement in which it stands, `depth` steps down that way."""

    node: ast.AST
    path: _Path
    statement: ast.AST
    depth: int
    function: str

    @property
    def line(self) -> int:
        node = self.node.target if isinstance(self.node, ast.comprehension) else self.node
        return node.lineno

    def with_(self, other: ast.AST) -> ast.AST:
        """The statement with another node in this place."""
        if self.node is self.statement:
            return other
        changed = copy.deepcopy(self.statement)
        _put(changed, self.path[self.depth :], other)
        return changed


def _text(statement: ast.AST) -> str:
    lines = ast.unparse(statement).splitlines()
    return lines[0] if hasattr(statement, "body") else " ".join(" ".join(lines).split())


def _places(node: ast.AST, place: _Place) -> Iterator[_Place]:
    """All nodes that are code: no annotations, which nobody evaluates, and no docstrings."""
    if isinstance(node, ast.stmt):
        place = replace(place, statement=node, depth=len(place.path))
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        place = replace(place, function=f"{place.function}.{node.name}".lstrip("."))
    if hasattr(node, "lineno") or isinstance(node, ast.comprehension):
        yield place
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST) and not _is_docstring(child) and not _is_alias(child):
                yield from _places(child, replace(place, node=child, path=(*place.path, (field, index))))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_declaration(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is None


def _is_alias(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias"


def _put(tree: ast.AST, path: _Path, node: ast.AST) -> None:
    for field, index in path[:-1]:
        tree = getattr(tree, field) if index is None else getattr(tree, field)[index]
    field, index = path[-1]
    if index is None:
        setattr(tree, field, node)
    else:
        getattr(tree, field)[index] = node


def _faults(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                yield _with(node, ops=[*node.ops[:index], other(), *node.ops[index + 1 :]])
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield _with(node, op=_ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other_values(node.value))
    elif isinstance(node, ast.Call) and _name(node.func) not in _COMMUTATIVE:
        yield from (_with(node, args=swapped) for swapped in _exchanged(node.args))
    elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        yield from (_with(node, elts=swapped) for swapped in _exchanged(node.elts))
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.comprehension) and node.ifs:
        yield _with(node, ifs=[])
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.stmt) and not isinstance(node, _KEPT) and not _is_declaration(node):
        yield ast.Pass()


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _other_values(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, (int, float)):
        return value + 1, value - 1
    if isinstance(value, str):
        return (f"{value}?",) if value else ("?",)
    return ()


def _exchanged(items: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """Each two neighbours in each other's place, unless they are alike."""
    for index, (first, second) in enumerate(itertools.pairwise(items)):
        if ast.dump(first) != ast.dump(second):
            yield [*items[:index], second, first, *items[index + 2 :]]


def _with(node: ast.AST, **changes: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other
