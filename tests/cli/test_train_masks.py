"""`motionseg train-masks` refuses bad input."""


def test_an_unknown_recipe_is_answered_with_those_there_are(motionseg, tmp_path):
    out = tmp_path / "o.safetensors"
    answer = motionseg("train-masks", "--out", out, "--recipe", "camera")
    assert answer.code == 2
    assert "cameras" in answer.err
    assert not out.exists()


def test_a_share_without_a_teacher_is_refused(motionseg, tmp_path):
    out = tmp_path / "o.safetensors"
    answer = motionseg("train-masks", "--out", out, "--teacher-share", "0.5")
    assert answer.code == 2
    assert "needs a --teacher" in answer.err
    assert not out.exists()
