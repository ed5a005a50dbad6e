"""`motionseg project` refuses what is no project."""

import pytest


@pytest.mark.parametrize("word", ["info", "labels"])
def test_what_is_no_project_is_refused(motionseg, tmp_path, word):
    more = ("--out", tmp_path / "out") if word == "labels" else ()
    answer = motionseg("project", word, tmp_path, *more)
    assert answer.code == 2
    assert "is not a project" in answer.err
