"""List the mutants of a source file: the same text with one small fault in it.

The operators are the standard ones: comparisons at their boundary, arithmetic, boolean
operators, negated conditions, constants, return values and removed statements.
Docstrings, annotations, decorators, error messages and strings are left alone.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"), ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in"),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"), ast.Sub: ("-", "+"), ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"),
    ast.Pow: (r"\*\*", "*"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"), ast.BitOr: (r"\|", "&"), ast.BitXor: (r"\^", "&"),
}  # fmt: skip
MESSAGE = re.compile(r"(Error|Warning|warn)$")  # calls whose arguments are messages
NO_CODE = {"Literal", "Annotated", "TypeVar", "NewType", "cast"}
COMMENT = re.compile(r"\s{2}#\s.*")
LONGEST = 100  # characters of source text in a name

Change = tuple[str, int, int, str]


@dataclass(frozen=True)
class Mutant:
    """One fault in one file.

    Parameters
    ----------
    file
        Path of the source file below the package, with forward slashes.
    place
        Qualified name of the function or class; ``"<module>"`` outside of them.
    line
        Line of the fault.
    operator
        Name of the kind of fault.
    start, end
        Bytes of the source text that are replaced.
    before, after
        The source text that is replaced, and its replacement.
    context
        The line of source text that holds the fault, without its comment.
    ordinal
        Number among the mutants of a file that are alike in all but their line.
    """

    file: str
    place: str
    line: int
    operator: str
    start: int
    end: int
    before: str
    after: str
    context: str
    ordinal: int = 0

    @property
    def name(self) -> str:
        """Return a name that stays when other parts of the file change."""
        number = f" #{self.ordinal}" if self.ordinal else ""
        change = f"{_short(self.before)} -> {_short(self.after)}"
        return f"{self.file}::{self.place}: `{self.context}`: {change}{number}"

    def apply(self, source: bytes) -> bytes:
        """Return the source text with the fault in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def is_code(self, source: bytes) -> bool:
        """Return whether the text with the fault is still Python."""
        try:
            ast.parse(self.apply(source))
        except SyntaxError:
            return False
        return True

    def rank(self, seed: int) -> str:
        """Return the place of this mutant in the draw of a seed."""
        return hashlib.sha256(f"{seed}|{self.name}".encode()).hexdigest()


def find_mutants(source: bytes, file: str) -> list[Mutant]:
    """Return all mutants of a source text, in the order of their lines.

    Parameters
    ----------
    source
        UTF-8 text of the file.
    file
        Path that the mutants name.
    """
    found = sorted(_Finder(source, file).find(), key=lambda one: (one.start, one.end))
    alike: Counter[str] = Counter()
    numbered = []
    for one in found:
        numbered.append(replace(one, ordinal=alike[one.name]))
        alike[one.name] += 1
    return numbered


def code_digest(source: bytes) -> str:
    """Return a digest of the code alone: no comments, no docstrings, no layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if _has_docstring(node):
            node.body = node.body[1:]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _has_docstring(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return (
        isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[:LONGEST] + "..."


class _Finder:
    """Walks the syntax tree of one file and yields its mutants."""

    def __init__(self, source: bytes, file: str) -> None:
        self._source, self._file = source, file
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def find(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self._source), "<module>")

    def _walk(self, node: ast.AST, place: str) -> Iterator[Mutant]:
        if self._is_left_alone(node):
            return
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            outer = "" if place == "<module>" else place + "."
            place = outer + node.name
        for operator, start, end, after in self._changes(node):
            before = self._source[start:end].decode()
            line = self._source[:start].count(b"\n") + 1
            context = _short(COMMENT.sub("", self._lines[line - 1].decode()))
            yield Mutant(
                self._file, place, line, operator, start, end, before, after, context
            )
        for child in self._children(node):
            yield from self._walk(child, place)

    @staticmethod
    def _is_left_alone(node: ast.AST) -> bool:
        if isinstance(node, ast.If):
            words = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
            return bool(words & {"TYPE_CHECKING", "__name__"})
        if isinstance(node, ast.Subscript | ast.Call):
            called = node.value if isinstance(node, ast.Subscript) else node.func
            return _last_name(called) in NO_CODE
        return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)

    @staticmethod
    def _children(node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.Raise):
            return []
        if isinstance(node, ast.FunctionDef):
            given = [*node.args.defaults, *node.args.kw_defaults]
            return [*(one for one in given if one is not None), *node.body]
        if isinstance(node, ast.ClassDef):
            return [*node.body]
        if isinstance(node, ast.AnnAssign):
            return [] if node.value is None else [node.value]
        if isinstance(node, ast.Call) and MESSAGE.search(_last_name(node.func)):
            return []
        return list(ast.iter_child_nodes(node))

    def _changes(self, node: ast.AST) -> Iterator[Change]:
        """Yield operator, first byte, end and new text of the changes of a node."""
        yield from self._operators(node)
        found = self._whole(node)
        if found is not None:
            yield found[0], *self._span(node), found[1]
        yield from self._negated(node)

    def _operators(self, node: ast.AST) -> Iterator[Change]:
        if isinstance(node, ast.Compare):
            pairs = zip([node.left, *node.comparators], node.comparators, strict=False)
            for how, pair in zip(node.ops, pairs, strict=True):
                yield from self._between("comparison", *pair, COMPARISONS[type(how)])
        elif isinstance(node, ast.BinOp):
            if type(node.op) in ARITHMETIC and not _is_union(node):
                swap = ARITHMETIC[type(node.op)]
                yield from self._between("arithmetic", node.left, node.right, swap)
        elif isinstance(node, ast.BoolOp):
            swap = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from self._between("boolean", left, right, swap)

    def _whole(self, node: ast.AST) -> tuple[str, str] | None:
        """Return operator and new text if all of a node is replaced."""
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return "not", f"({self._text(node.operand)})"
            if not isinstance(node.operand, ast.Constant):
                return "sign", f"({self._text(node.operand)})"
        elif isinstance(node, ast.Constant):
            after = _other_constant(node.value)
            return None if after is None else ("constant", after)
        elif isinstance(node, ast.Return) and not _is_nothing(node.value):
            return "return value", "return None"
        elif _is_removable(node):
            return "removed statement", "pass"
        return None

    def _negated(self, node: ast.AST) -> Iterator[Change]:
        tests: list[ast.expr] = []
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            tests = [node.test]
        elif isinstance(node, ast.comprehension):
            tests = node.ifs
        for test in tests:
            other = isinstance(test, ast.Compare | ast.BoolOp | ast.Constant)
            if not other and not isinstance(test, ast.UnaryOp):
                yield "condition", *self._span(test), f"(not ({self._text(test)}))"

    def _between(
        self, operator: str, left: ast.expr, right: ast.expr, swap: tuple[str, str]
    ) -> Iterator[Change]:
        begin, stop = self._span(left)[1], self._span(right)[0]
        found = re.search(swap[0].encode(), self._source[begin:stop])
        if found:
            yield operator, begin + found.start(), begin + found.end(), swap[1]

    def _span(self, node: ast.AST) -> tuple[int, int]:
        if not isinstance(node, ast.expr | ast.stmt):
            return 0, 0
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode()


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_union(node: ast.BinOp) -> bool:
    """Return whether this is a type such as ``str | None`` outside an annotation."""
    sides = node.left, node.right
    types = {"int", "str", "float", "bytes", "bool", "Path"}
    return isinstance(node.op, ast.BitOr) and any(
        _is_nothing(side) or _last_name(side) in types for side in sides
    )


def _is_nothing(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _other_constant(value: object) -> str | None:
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int | float):
        return repr(value + 1)
    return None


def _is_removable(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.Assign):
        return all(
            isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets
        )
    kinds = ast.AugAssign | ast.Raise | ast.Delete | ast.Break | ast.Continue
    return isinstance(node, kinds)
