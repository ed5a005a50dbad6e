"""Mutants are small faults of code: all standard ones, and none of words."""

import ast

import pytest
from mutate import count
from mutation.check import draw
from mutation.mutants import code_digest, find_mutants
from render_mutation import mutation

SOURCE = b'''"""Words are left alone: 1 < 2."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIMIT: int = 3  # a constant of the module


@decorated(7)
def first(a: "list[1]", b: int = 4) -> bool:
    """Return 1 + 1."""
    if not a:
        raise ValueError(f"a is {1 + 1}")
    os.fsync(b)
    a.size += b
    return a < b and (b) + 2 >= LIMIT


class Thing:
    def go(self, much):
        self.much = -much
        while self.ready:
            break
        return None
'''


def mutants():
    return find_mutants(SOURCE, "p/m.py")


def changed(mutant):
    """Return the line of a mutant's text that the fault is in."""
    return mutant.apply(SOURCE).splitlines()[mutant.line - 1].strip().decode()


def test_all_standard_faults_and_no_faults_of_words():
    found = [(one.operator, changed(one)) for one in mutants()]
    assert sorted(found) == sorted(
        [
            ("constant", "LIMIT: int = 4  # a constant of the module"),
            ("constant", 'def first(a: "list[1]", b: int = 5) -> bool:'),
            ("not", "if (a):"),
            ("removed statement", "pass"),  # raise
            ("removed statement", "pass"),  # fsync
            ("removed statement", "pass"),  # a.size +=
            ("return value", "return None"),
            ("boolean", "return a < b or (b) + 2 >= LIMIT"),
            ("comparison", "return a <= b and (b) + 2 >= LIMIT"),
            ("comparison", "return a < b and (b) + 2 > LIMIT"),
            ("arithmetic", "return a < b and (b) - 2 >= LIMIT"),
            ("constant", "return a < b and (b) + 3 >= LIMIT"),
            ("removed statement", "pass"),  # self.much
            ("sign", "self.much = (much)"),
            ("condition", "while (not (self.ready)):"),
            ("removed statement", "pass"),  # break
        ]
    )


def test_each_is_python_and_differs_in_code():
    for one in mutants():
        assert one.is_code(SOURCE)
        assert code_digest(one.apply(SOURCE)) != code_digest(SOURCE)
    assert len({one.name for one in mutants()}) == len(mutants())


def test_places_are_functions_and_methods():
    assert {one.place for one in mutants()} == {"<module>", "first", "Thing.go"}


def test_words_layout_and_comments_are_no_code():
    other = SOURCE.replace(b"Return 1 + 1.", b"Say it.").replace(b"  # a", b" # of")
    assert other != SOURCE
    assert code_digest(other) == code_digest(SOURCE)
    ast.parse(other)


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "napari_motionseg" / "p"
    folder.mkdir(parents=True)
    (folder / "m.py").write_bytes(SOURCE)
    (folder / "n.py").write_bytes(b"A, B, C = 1, 2, 3\n")
    return tmp_path


def test_a_change_of_one_file_leaves_the_draw_of_others(tree):
    first = draw(tree, "p", 9, 0)
    assert first == draw(tree, "p", 9, 0)
    assert first != draw(tree, "p", 9, 1)
    (tree / "napari_motionseg" / "p" / "n.py").write_bytes(b"A = 5\n")
    second = {one.name for one in draw(tree, "p", 9, 0)}
    of_m = {one.name for one in first if one.file == "p/m.py"}
    assert len(of_m) > 3
    assert of_m <= second


def test_a_timeout_is_a_kill():
    results = ["killed", "timeout", "survived", "equivalent", "killed"]
    counted = count([{"result": result} for result in results])
    assert counted == {"mutants": 5, "killed": 3, "survived": 1, "equivalent": 1}


def test_the_table_leaves_equivalent_mutants_out_of_the_share():
    row = {"mutants": 10, "killed": 6, "survived": 2, "equivalent": 2}
    found = {
        "seed": 0, "commit": "abc", "machine": "a processor", "date": "2026-11-28",
        "packages": {"io": row, "motion": row},
        "mutants": [
            {"name": "io/a.py::f: `x`: 1 -> 2", "result": "equivalent",
             "reason": "no array has nine bytes"},
            {"name": "io/b.py::g: `y | z`: | -> &", "result": "survived"},
            {"name": "io/b.py::g: `y`: 1 -> 2", "result": "killed"},
        ],
    }  # fmt: skip
    text = mutation(found)
    assert "| io | 10 | 6 | 2 | 2 | 75 % |" in text
    assert "| **all** | 20 | 12 | 4 | 4 | 75 % |" in text
    assert "no array has nine bytes" in text
    assert "io/b.py::g: y | z" in text
    assert "`y`: 1 -> 2" not in text
