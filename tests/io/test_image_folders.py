"""Folders of images: depth, damage, several pictures, and folders in folders."""

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import read_cine, read_cines

T, H, W = 5, 24, 20


@pytest.fixture
def loop():
    steps = np.add.outer(np.arange(H), np.arange(W))
    return (30 * np.arange(T)[:, None, None] + steps).astype(np.uint8)


def write_images(folder, frames):
    folder.mkdir(exist_ok=True)
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"f{t}.png")
    return folder


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("colours", [1, 3])
def test_channels_of_16_bits_keep_them(tmp_path, loop, alpha, colours):
    deep = loop.astype(np.uint16) * 255
    for t, frame in enumerate(deep):
        channels = [frame] * colours + [np.full_like(frame, 65535)] * alpha
        coded = imagecodecs.png_encode(np.squeeze(np.stack(channels, -1)))
        (tmp_path / f"{t}.png").write_bytes(coded)
    np.testing.assert_array_equal(read_cine(tmp_path).frames[:], deep)


def test_colours_are_noted(tmp_path, loop):
    write_images(tmp_path, np.stack([loop] * 3, -1))
    cine = read_cine(tmp_path)
    np.testing.assert_array_equal(cine.frames[:], loop)
    assert cine.notes == ("colours are read as luminance",)


@pytest.mark.parametrize("kept", [0, 50])
@pytest.mark.parametrize("damaged", [0, 2, T - 1])
def test_a_damaged_image_is_a_blank_frame(tmp_path, loop, damaged, kept):
    write_images(tmp_path, loop)
    path = tmp_path / f"f{damaged}.png"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.warns(PartialReadWarning, match=f"{path.name}.*1 of 5 frames"):
        cine = read_cine(tmp_path)
    sound = [t for t in range(T) if t != damaged]
    assert cine.frames.usable_frames() == sound
    np.testing.assert_array_equal(cine.frames[:][sound], loop[sound])


def test_only_damaged_images_are_an_error(tmp_path, loop):
    write_images(tmp_path, loop[:1])
    (tmp_path / "f0.png").write_bytes(b"")
    with pytest.raises(ReadError, match="damaged or unreadable image"):
        read_cine(tmp_path)


def test_an_animation_is_not_read_as_one_frame(tmp_path, loop):
    first, *others = [Image.fromarray(frame) for frame in loop]
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    with pytest.raises(ReadError, match="holds 5 pictures"):
        read_cine(tmp_path)


def test_folders_of_images_in_a_folder_are_loops(tmp_path, loop):
    for name in ("a", "b"):
        write_images(tmp_path / name, loop)
    assert [cine.name for cine in read_cines(tmp_path)] == ["a", "b"]
    write_images(tmp_path, loop[:2])  # images beside them: the folders are other things
    assert len(read_cine(tmp_path)) == 2
