"""Docstrings, messages and help texts follow the rules of prose in CONTRIBUTING.md.

Only rules that can be checked without false alarms are tested: the usual terms, first
lines that are statements, and complete descriptions of parameters.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_motionseg

ROOT = Path(napari_motionseg.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ROOMS = sorted({path.parent for path in FILES})

# words that were used for things with a usual name, and the name to use
NOT_USED = {
    "there and back": "forward-backward error, or both directions",
    "brought back": "warped, or restored",
    "left over": "residual, or remaining",
    "flow back": "backward flow",
    "sureness": "confidence",
    "foresight": "prefetch",
    "mask none": "no subtraction mask",
    "like the anchor": "similarity to the anchor",
    "tell all": "all-gather",
    "hand out": "broadcast",
    "re-roll": "new projection",
    "like a neighbour": "similarity to the shifted map",
    "one is enough": "compare with: none",
    "for a person": "for the user, or as text",
    "a person should know": "note for the user",
    "nobody has tried": "not tried before",
    "so manieth": "every n-th",
    "bore out": "was best",
    "the house": "this package",
    "this one alone": "only this one",
    "that is there": "existing",
    "disk refuses": "cannot be written",
    "what a pixel is": "size of a pixel",
}
# a first line that begins so is a clause, not a statement of what the code does
CLAUSE = re.compile(r"(What|Where|How|Whose|Which|When|Why|If|That|Whatever)\b")
# a description that begins so needs the sentence before it to make sense
FRAGMENT = re.compile(r"(Of|Whose|How many|How much|In it|On it|See there|The same)\b")
PARAMETER = re.compile(r"[*\w]+(, [*\w]+)*( : .+)?")


def documented(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield name, node and docstring of everything in a module that has a docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", "module"), node, text


def parameters_in(text: str) -> dict[str, str]:
    """Return the descriptions in a docstring's Parameters section, by name."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+$|\Z)", text, re.S | re.M)
    described, names = {}, ""
    for line in (found[1] if found else "").splitlines():
        if PARAMETER.fullmatch(line):
            names = line.partition(" : ")[0]
            described[names] = ""
        elif names:
            described[names] += " " + line.strip()
    return {
        name.strip(" *"): description.strip()
        for names, description in described.items()
        for name in names.split(",")
    }


def own_parameters(node: ast.AST) -> set[str]:
    """Return the parameters of a function, or the fields of a dataclass."""
    if isinstance(node, ast.FunctionDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        every += [one for one in (given.vararg, given.kwarg) if one]
        return {one.arg for one in every} - {"self", "cls"}
    for inner in getattr(node, "body", []):
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return own_parameters(inner)
    return set()


def texts_of(tree: ast.Module) -> str:
    """Return all strings of a module, one after the other, in lower case."""
    nodes = (n for n in ast.walk(tree) if isinstance(n, ast.Constant))
    strings = (n.value for n in nodes if isinstance(n.value, str))
    return "\n".join(re.sub(r"\s+", " ", string) for string in strings).lower()


def faults_of(tree: ast.Module) -> Iterator[str]:
    """Yield the broken rules of a module."""
    text = texts_of(tree)
    yield from (f"say {NOT_USED[w]!r}, not {w!r}" for w in NOT_USED if w in text)
    for name, node, docstring in documented(tree):
        if CLAUSE.match(docstring):
            yield f"{name}: the first line is a clause"
        described = parameters_in(docstring)
        missing = own_parameters(node) - set(described) if described else set()
        yield from (f"{name}: {one} is not described" for one in sorted(missing))
        for one, words in described.items():
            if FRAGMENT.match(words) or len(words.split()) < 2:
                yield f"{name}: {one}: {words!r} does not stand alone"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_prose(room):
    faults = {
        str(path.relative_to(ROOT)): found
        for path in room.glob("*.py")
        if (found := list(faults_of(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not faults


def test_a_fault_of_each_kind_is_found():
    source = inspect.cleandoc(
        '''
        def carry(flow, steps):
            """What comes there and back.

            Parameters
            ----------
            flow
                Of the loop.
            """
        '''
    )
    found = " ".join(faults_of(ast.parse(source)))
    for words in ("clause", "steps is not", "does not stand alone", "there and back"):
        assert words in found
