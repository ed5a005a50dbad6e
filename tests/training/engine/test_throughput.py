import csv
import time

from helpers.toy_training import Toy, settings

from napari_motionseg.jobs import run
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.engine.throughput import DataClock, Throughput


class TimedToy(Toy):
    """A task that waits for its data a little, and measures it."""

    WAIT_S = 0.02

    def __init__(self, **others):
        super().__init__(**others)
        self.data_clock = DataClock()

    def loss(self, step, generator, device):
        with self.data_clock:
            time.sleep(self.WAIT_S)
        return super().loss(step, generator, device)


def notices(task, **others):
    told = []
    run(train_job(task, settings(6), **others), told.append)
    return [progress.message for progress in told]


def test_the_last_step_tells_the_throughput(tmp_path):
    *before, last = notices(TimedToy(), log_folder=tmp_path)
    assert before == [""] * 5
    assert "pictures/s" in last
    assert last.endswith("% of the time for data.")
    with (tmp_path / "curves.csv").open(newline="") as file:
        spent = [float(row["data_seconds"]) for row in csv.DictReader(file)]
    assert spent == sorted(spent)
    assert spent[-1] >= 6 * TimedToy.WAIT_S * 0.99


def test_a_task_that_does_not_measure_tells_none():
    assert notices(Toy()) == [""] * 6


def test_a_line_names_rate_devices_and_share():
    found = Throughput(pictures=120, seconds=10, waiting_s=0.6)
    assert str(found) == "12 pictures/s, 6 % of the time for data."
    assert str(Throughput(30, 10, 0, devices=4)) == (
        "3 pictures/s on each of 4 devices, 0 % of the time for data."
    )
    assert str(Throughput()) == "0 pictures/s, 0 % of the time for data."
