"""RESULTS.md asks questions, answers each of them, and is up to date."""

import json
from pathlib import Path

import pytest
from render import HEAD, HERE, all_sections, overview
from render_recorded import recorded
from tables import answer, listed

SECTION = answer("Is it so?", "Yes.", "| a |\n| --- |", "By a script.")


def test_the_page_is_what_the_files_of_results_give():
    parts = all_sections(HERE / "results")
    page = (Path(HERE) / "RESULTS.md").read_text(encoding="utf-8")
    assert page.startswith(HEAD)
    assert overview(parts) in page, "run benchmarks/render.py"
    for part in parts:
        assert part.strip() in page, "run benchmarks/render.py"


def test_every_heading_is_one_question_and_stands_once():
    parts = all_sections(HERE / "results")
    titles = [part.strip().splitlines()[0] for part in parts]
    assert len(set(titles)) == len(titles) > 30
    assert all(title.endswith("?") and title.count("?") == 1 for title in titles)


def test_the_overview_links_each_question_with_its_answer():
    assert "| [Is it so?](#is-it-so) | Yes. |" in overview([SECTION])
    with pytest.raises(ValueError, match="without question and answer"):
        overview(["## A section\n\nWithout an answer."])


def test_recorded_measurements_become_sections(tmp_path):
    assert recorded(tmp_path) == []
    one = {"question": "Why?", "conclusion": "So.", "head": ["a"], "rows": [["1"]],
           "how": "By hand."}  # fmt: skip
    (tmp_path / "recorded.json").write_text(json.dumps([one]))
    (text,) = recorded(tmp_path)
    assert text.startswith("## Why?\n\n**So.**\n\n| a |\n| --- |\n| 1 |")


def test_names_are_listed_as_in_a_sentence():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
