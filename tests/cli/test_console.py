"""Results, notes and errors are printed by the main process alone."""


def test_only_the_first_process_talks(motionseg, loop_file, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    answer = motionseg("info", loop_file)
    assert (answer.code, answer.out) == (0, "")
    monkeypatch.setenv("RANK", "0")
    assert motionseg("info", loop_file).out
