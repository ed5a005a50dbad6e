"""Docstrings, messages and help texts read as STYLE.md's section *Prose* asks.

Only what a machine can tell without false alarms: the terms of the vocabulary, first
lines that are no riddles, and parameter descriptions that stand alone.
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

# what the vocabulary of the project calls otherwise, with the term to use
NOT_USED = {
    "there and back": "forward-backward error, or both directions",
    "brought back": "warped",
    "flow back": "backward flow",
    "sureness": "confidence",
    "foresight": "prefetch",
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
}
# a first line that begins so is a clause, not a statement of what the code does
CLAUSE = re.compile(r"(What|Where|How|Whose|Which|When|Why|If|That|Whatever)\b")
# a description that begins so needs the sentence before it to make sense
FRAGMENT = re.compile(r"(Of|Whose|How many|How much|In it|On it|See there|The same)\b")
PARAMETER = re.compile(r"[*\w]+(, [*\w]+)*( : .+)?")


def documented(path: Path) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield name, node and docstring of all that has one in a module."""
    tree = ast.parse(path.read_text())
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


def texts_of(path: Path) -> str:
    """Return all strings of a module, joined as they are implicitly."""
    nodes = ast.walk(ast.parse(path.read_text()))
    strings = [n.value for n in nodes if isinstance(n, ast.Constant)]
    return "\n".join(re.sub(r"\s+", " ", s) for s in strings if isinstance(s, str))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_prose(path):
    faults = []
    text = texts_of(path).lower()
    faults += [f"say {NOT_USED[w]!r}, not {w!r}" for w in NOT_USED if w in text]
    for name, node, docstring in documented(path):
        if CLAUSE.match(docstring):
            faults.append(f"{name}: the first line is a clause")
        described = parameters_in(docstring)
        if described:
            missing = own_parameters(node) - set(described)
            faults += [f"{name}: {one} is not described" for one in sorted(missing)]
        for one, words in described.items():
            if FRAGMENT.match(words) or len(words.split()) < 3:
                faults.append(f"{name}: {one}: {words!r} does not stand alone")
    assert not faults


def test_a_fault_of_each_kind_is_found(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(
        inspect.cleandoc('''
        def carry(flow, steps):
            """What comes there and back.

            Parameters
            ----------
            flow
                Of the loop.
            """
        ''')
    )
    with pytest.raises(AssertionError) as error:
        test_prose(path)
    for words in (
        "clause",
        "steps is not described",
        "stand alone",
        "'there and back'",
    ):
        assert words in str(error.value)
