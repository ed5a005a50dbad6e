"""How many threads a worker takes, and that they wait without spinning."""

import os
import sys

import pytest

from napari_motionseg.jobs import processor_share
from napari_motionseg.jobs.interpreter import worker_environment
from napari_motionseg.jobs.processor_share import (
    free_threads,
    passive_waiting,
    usable_cores,
)


@pytest.mark.parametrize(
    ("cores", "load", "threads"),
    [(2, 0.1, 2), (2, 2.2, 2), (2, 3.2, 1), (2, 14, 1), (8, 9.4, 7), (1, 0, 1)],
)
def test_threads_follow_what_the_computer_has_free(monkeypatch, cores, load, threads):
    monkeypatch.setattr(processor_share, "usable_cores", lambda: cores)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0, 0), raising=False)
    assert free_threads() == threads


def test_a_system_without_a_load_average_takes_all_cores(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert free_threads() == usable_cores() >= 1


def test_workers_wait_passively_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("KMP_BLOCKTIME", "7")
    environment = worker_environment()
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["KMP_BLOCKTIME"] == "7"
    assert passive_waiting({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == (
        "ACTIVE"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="by flags of the start there")
def test_a_worker_leaves_the_window_its_share(monkeypatch):
    given = []
    monkeypatch.setattr(os, "nice", given.append)
    processor_share.lower_priority()
    assert given == [processor_share.NICENESS]
    assert given[0] > 0
