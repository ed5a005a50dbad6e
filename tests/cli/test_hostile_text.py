"""What files hold commands no terminal, and JSON is JSON."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cli import info as info_command
from napari_motionseg.cli.console import print_note, run_job
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.jobs import Progress

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such file names"
)
NAME = "[red]a\x1b[31m\x07\u202eb\nmotionseg: forged"
COMMANDS = "\x1b\x07\u202e\x9b\x08"


@pytest.fixture
def hostile_file(tmp_path, small_cine):
    path = tmp_path / f"{NAME}.dcm"
    patient = {"PatientName": "Doe\x1b[2J^Jane\x9b\u202e", "PatientID": "1"}
    write_xa(path, dataclasses.replace(small_cine, patient=patient))
    return path


def nothing_commands(text):
    return not set(COMMANDS) & set(text)


def test_names_of_files_command_nothing(motionseg, hostile_file):
    answer = motionseg("info", hostile_file, "--phi")
    assert answer.code == 0
    assert nothing_commands(answer.out)
    assert len(answer.out.splitlines()) == 1
    assert "[red]a\\x1b[31m\\x07\\u202eb motionseg: forged" in answer.out


def test_errors_command_nothing(motionseg, tmp_path):
    bad = tmp_path / f"{NAME}.dcm"
    bad.write_bytes(b"no")
    for words in (("info", bad), ("info", tmp_path / NAME), ("info", f"--{NAME}")):
        answer = motionseg(*words)
        assert answer.code == 2
        assert nothing_commands(answer.err + answer.out)
        assert len(answer.err.splitlines()) == 1
    assert nothing_commands(motionseg("--debug", "info", bad).err)


def test_json_names_the_file_as_it_is(motionseg, hostile_file):
    answer = motionseg("info", hostile_file, "--json", "--phi")
    assert answer.out.isascii()
    assert nothing_commands(answer.out)
    (row,) = answer.rows
    assert row["source"] == str(hostile_file)


def test_notes_and_bars_command_nothing(capsys):
    def job():
        yield Progress(1, 2, NAME, {"loss": 1.0})
        yield Progress(2, 2, NAME)

    print_note(NAME)
    run_job(job(), NAME)
    shown = capsys.readouterr().err
    assert nothing_commands(shown)
    assert "note: [red]a\\x1b[31m" in shown


def test_brackets_are_no_markup(motionseg, tmp_path, small_cine):
    path = tmp_path / "[bold]x[/nothing].dcm"
    write_xa(path, small_cine)
    assert "[bold]x[/nothing].dcm" in motionseg("info", path).out
    assert "[/nothing]" in motionseg("info", tmp_path / "[/nothing]").err


def strict(line):
    def refuse(word):
        raise ValueError(word)

    return json.loads(line, parse_constant=refuse)


def test_numbers_that_json_does_not_know_are_null(motionseg, loop_file, monkeypatch):
    real = info_command.describe

    def described(cine, **options):
        odd = {"KVP": float("nan"), "Exposure": [np.inf, np.float32(2)]}
        return real(dataclasses.replace(cine, technical=odd), **options)

    monkeypatch.setattr(info_command, "describe", described)
    line = motionseg("info", loop_file, "--json").out
    assert strict(line)["technical"] == {"KVP": None, "Exposure": [None, 2.0]}


def test_site_and_device_are_shown_on_demand_alone():
    technical = {
        "Manufacturer": "Maker",
        "ManufacturerModelName": "Model",
        "DeviceSerialNumber": "4711",
        "StationName": "Lab 3",
        "InstitutionName": "Hospital",
        "SoftwareVersions": "1.2",
        "DetectorID": "77",
        "KVP": 80.0,
        "DistanceSourceToDetector": 1000.0,
        "transfer_syntax": "JPEG Baseline",
    }
    cine = Cine.from_array(np.zeros((2, 8, 8), np.uint8), technical=technical)
    quiet = info_command.describe(cine)
    kept = {"KVP", "DistanceSourceToDetector", "transfer_syntax"}
    assert set(quiet["technical"]) == kept
    assert info_command.describe(cine, phi=True)["technical"] == technical
    assert "Maker" not in info_command.as_line(quiet)
