"""`motionseg train-propagation` refuses bad input."""


def test_an_unknown_recipe_is_answered_with_those_there_are(motionseg, tmp_path):
    out = tmp_path / "o.safetensors"
    answer = motionseg("train-propagation", "--out", out, "--recipe", "click")
    assert answer.code == 2
    assert "clicks" in answer.err
    assert "paper" in answer.err
    assert not out.exists()
