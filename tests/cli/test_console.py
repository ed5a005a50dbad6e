"""Results, notes and errors are printed by the main process alone."""

from napari_motionseg.cli import console
from napari_motionseg.jobs import Progress


def test_only_the_first_process_talks(motionseg, loop_file, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    answer = motionseg("info", loop_file)
    assert (answer.code, answer.out) == (0, "")
    monkeypatch.setenv("RANK", "0")
    assert motionseg("info", loop_file).out


def test_numbers_that_are_not_measured_at_each_step_stay(capsys, monkeypatch):
    monkeypatch.setattr(console, "LOG_EVERY_S", 0.0)

    def job():
        yield Progress(1, 2, "", {"loss": 0.5, "held_out_explained": 0.125})
        yield Progress(2, 2, "", {"loss": 0.25})

    console.run_job(job(), "Pretraining")
    lines = [x for x in capsys.readouterr().err.splitlines() if "2 of 2" in x]
    assert "loss 0.25  held_out_explained 0.125" in lines[0]
