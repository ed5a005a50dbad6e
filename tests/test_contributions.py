"""What the manifest names: readers, writer, sample; layers lie where the loop lies."""

import dataclasses
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from make_samples import LOOPS

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.contributions import (
    SAMPLES,
    cine_layer,
    contrast_limits,
    faint_angiogram,
    get_reader,
    nearest_usable_frame,
    read_layers,
    synthetic_angiogram,
    write_labels,
)
from napari_motionseg.errors import (
    MotionSegError,
    PartialReadWarning,
    ReadError,
    WriteError,
)
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.scenes import draw_scenes


def test_a_layer_carries_spacing_axes_and_no_patient(small_cine):
    cine = dataclasses.replace(small_cine, patient={"PatientName": "Doe"})
    data, attributes, kind = cine_layer(cine)
    assert kind == "image"
    assert data.frames is cine.frames
    assert attributes["scale"] == (1.0, *small_cine.pixel_spacing)
    assert attributes["axis_labels"] == ("time", "y", "x")
    assert attributes["units"] == ("pixel", "mm", "mm")
    assert attributes["metadata"]["cine"].patient == {}
    np.testing.assert_array_equal(
        attributes["metadata"]["cine"].frame_times, small_cine.frame_times
    )


@pytest.mark.parametrize(
    ("name", "technical", "shown"),
    [
        ("1.2.826.0.1.3680043.8.498.80983606553749790166", {"modality": "XA"},
         "XA 790166"),
        ("2.25.1.2.3456789", {"modality": "unknown"}, "loop 456789"),
        ("2.25.1.2.3456789", {}, "loop 456789"),
        ("2026.11.28.2", {"modality": "XA"}, "2026.11.28.2"),
        ("1.2.840.113619.left", {"modality": "XA"}, "1.2.840.113619.left"),
        ("left coronary", {"modality": "XA"}, "left coronary"),
    ],
)  # fmt: skip
def test_a_layer_named_by_a_uid_gets_a_short_name(small_cine, name, technical, shown):
    cine = dataclasses.replace(small_cine, name=name, technical=technical)
    _, attributes, _ = cine_layer(cine)
    assert attributes["name"] == shown
    assert attributes["metadata"]["cine"].name == name


def test_without_spacing_a_pixel_is_the_unit():
    _, attributes, _ = cine_layer(Cine.from_array(np.zeros((3, 8, 9), np.uint8)))
    assert attributes["scale"] == (1.0, 1.0, 1.0)
    assert attributes["units"] == ("pixel", "pixel", "pixel")


def test_contrast_is_the_window_else_the_range_else_percentiles():
    pixels = np.full((3, 20, 20), 300, np.uint16)
    pixels[1, :10] = 700
    cine = Cine.from_array(pixels)
    assert contrast_limits(cine) == (300, 700)
    windowed = dataclasses.replace(cine, window=(100.0, 900.0))
    assert contrast_limits(windowed) == (100, 900)
    assert contrast_limits(Cine.from_array(pixels.astype(np.uint8))) == (0, 255)


def test_contrast_comes_from_a_good_frame():
    pixels = np.full((5, 20, 20), 300, np.uint16)
    pixels[:, :10] = 700
    pixels[2:4] = 0
    cine = Cine(FrameStack.from_array(pixels, damaged=[2, 3]), bits_stored=10)
    assert contrast_limits(cine) == (300, 700)
    assert nearest_usable_frame(cine, 2) == 1
    assert nearest_usable_frame(cine, 4) == 4


def test_a_loop_without_a_good_frame_is_no_layer(tmp_path, small_cine, write_damaged):
    bad = write_damaged(tmp_path / "bad.dcm", small_cine, range(8))
    write_xa(tmp_path / "good.dcm", small_cine)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", PartialReadWarning)
        with pytest.raises(ReadError, match="no frame of this loop can be decoded"):
            read_layers(str(bad))
        (layer,) = read_layers(str(tmp_path))
    assert layer[1]["name"] == "good"
    assert "no frame of this loop can be decoded" in str(told[-1].message)
    assert str(told[-1].message).startswith("left out: ")


def test_files_and_folders_of_loops_have_a_reader(tmp_path, small_cine):
    write_xa(tmp_path / "a.dcm", small_cine)
    write_xa(tmp_path / "b.dcm", small_cine)
    reader = get_reader(str(tmp_path / "a.dcm"))
    assert len(reader(str(tmp_path / "a.dcm"))) == 1
    assert get_reader([str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm")]) is not None
    both = read_layers([str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm")])
    assert [layer[1]["name"] for layer in both] == ["a", "b"]
    assert get_reader(str(tmp_path)) is not None


def test_others_files_are_left_to_others(tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    assert get_reader(str(tmp_path / "table.csv")) is None
    assert get_reader(str(tmp_path / "nowhere.dcm")) is None


def test_a_bad_file_raises_the_packages_error(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"no")
    with pytest.raises(MotionSegError, match=r"x\.dcm"):
        read_layers(str(tmp_path / "x.dcm"))


MASKS = np.random.default_rng(0).integers(0, 2, (4, 8, 9), dtype=np.uint8)


def test_masks_are_written_with_times_and_what_was_done(tmp_path, noise_cine):
    masks = np.zeros(noise_cine.shape, np.uint8)
    masks[2, :5] = 1
    metadata = {"cine": noise_cine, "done": np.arange(8) < 4}
    (path,) = write_labels(str(tmp_path / "m.npz"), masks, {"metadata": metadata})
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["labels"], masks)
        np.testing.assert_array_equal(stored["labelled"], np.arange(8) < 4)


def test_painted_frames_count_as_labelled(tmp_path):
    masks = MASKS.copy()
    masks[1] = 0
    (path,) = write_labels(str(tmp_path / "m.npz"), masks, {})
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["labelled"], [True, False, True, True])


def test_png_of_a_loop_is_a_folder(tmp_path):
    (path,) = write_labels(str(tmp_path / "m.png"), MASKS, {})
    assert path == str(tmp_path / "m")
    assert len(list((tmp_path / "m").glob("*.png"))) == 4
    (one,) = write_labels(str(tmp_path / "one.png"), MASKS[0], {})
    assert one == str(tmp_path / "one.png")


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(WriteError, match="jpg"):
        write_labels(str(tmp_path / "m.jpg"), MASKS, {})


def test_the_manifest_is_valid():
    command = [sys.executable, "-m", "npe2", "validate", "napari-motionseg"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_of_the_manifest_is_there():
    from importlib import import_module

    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-motionseg")
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        if ".widgets" not in module:
            assert callable(getattr(import_module(module), name))
    widgets = [widget.display_name for widget in manifest.contributions.widgets]
    docks = ["Cine", "Motion", "Embedding", "Segment", "Guide", "Measure", "Project"]
    assert widgets == [*docks, "Archive", "Open all"]


def test_a_labels_layer_is_saved_as_a_dicom_segmentation(tmp_path):
    from helpers import seg_loops

    from napari_motionseg.io.dicom_seg_reader import read_segmentation

    cine, _ = seg_loops.loop(tmp_path)
    masks, labelled = seg_loops.masks()
    path = str(tmp_path / "m.dcm")
    metadata = {"cine": dataclasses.replace(cine, patient={}), "done": labelled}
    assert write_labels(path, masks, {"metadata": metadata}) == [path]
    found = read_segmentation(path, cine)
    np.testing.assert_array_equal(found.labels, masks)
    np.testing.assert_array_equal(found.labelled, labelled)
    painted = {**metadata, "classes": ["background", "vessel"]}
    for unknown in ({}, painted):
        with pytest.raises(WriteError, match="export it in the Project dock"):
            write_labels(str(tmp_path / "n.dcm"), masks, {"metadata": unknown})


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        (synthetic_angiogram, "synthetic angiogram"),
        (faint_angiogram, "faint angiogram"),
    ],
)
def test_a_sample_is_a_file_that_holds_a_synthetic_loop(monkeypatch, sample, name):
    """It is read, not synthesized: napari asks for it in the thread of its window."""
    with monkeypatch.context() as patch:
        patch.setattr("napari_motionseg.synthesis.cines.draw_scenes", None)
        loop, vessels = sample()
    file = name.replace(" ", "-")
    assert (SAMPLES / f"{file}.dcm").stat().st_size < 2**20
    assert loop[1]["name"] == name
    assert loop[1]["metadata"]["cine"].frame_rate == pytest.approx(15)
    seed, config = LOOPS[file]
    draws = Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
    scenes = draw_scenes(config, 1, draws)
    grain = torch.Generator().manual_seed(seed + 1)
    first = scenes.at(torch.zeros(1)).frames(grain)[0].numpy() * 255
    assert np.abs(first - loop[0][0]).mean() < 3  # JPEG
    later = scenes.at(torch.tensor([12 / config.frame_rate]))
    assert vessels[0].shape == (config.frames, *config.shape)
    agreement = later.masks[0].numpy() == (vessels[0][12] > 0)
    assert agreement.mean() > 0.999
    assert vessels[0][12].sum() > 1000
    assert vessels[1]["scale"] == loop[1]["scale"]


@pytest.mark.parametrize("kinds", ["image", "image labels", "labels image"])
def test_napari_finds_the_writer_of_movies(tmp_path, small_cine, kinds):
    """As napari does: by suffix and layers; several layers come as one list."""
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager()
    manifest = PluginManifest.from_distribution("napari-motionseg")
    manager.register(manifest)
    manager.commands.register_manifest(manifest)
    masks = (np.ones(small_cine.shape, np.uint8), {"name": "masks"}, "labels")
    layers = {"image": cine_layer(small_cine), "labels": masks}
    chosen = [layers[kind] for kind in kinds.split()]
    path = str(tmp_path / "loop.gif")
    writer, given = manager.get_writer(path, kinds.split(), "napari-motionseg")
    assert writer is not None
    arguments = (given, *chosen[0][:2]) if len(chosen) == 1 else (given, chosen)
    assert writer.exec(args=arguments, _registry=manager.commands) == [path]
    assert (tmp_path / "loop.gif").read_bytes()[:4] == b"GIF8"


def test_every_sample_of_the_manifest_is_tested_above():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-motionseg")
    assert {sample.key for sample in manifest.contributions.sample_data} == set(LOOPS)


def test_the_icon_of_the_manifest_is_a_picture():
    from importlib.resources import files
    from xml.etree import ElementTree

    from npe2 import PluginManifest

    package, _, name = PluginManifest.from_distribution(
        "napari-motionseg"
    ).icon.partition(":")
    root = ElementTree.fromstring((files(package) / name).read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 64 64"


def test_the_manifest_s_reader_needs_no_qt(tmp_path, small_cine):
    """As `npe2.read` in a script on a cluster."""
    write_xa(tmp_path / "loop.dcm", small_cine)
    script = (
        "import sys\n"
        "for name in ('qtpy', 'PyQt6', 'PyQt5', 'PySide6', 'PySide2', 'napari._qt'):\n"
        "    sys.modules[name] = None\n"
        "from napari_motionseg.widgets.common.window_reader import get_reader\n"
        "path = sys.argv[1]\n"
        "print(get_reader(path)(path)[0][1]['name'])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "loop.dcm")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "loop", done.stderr
