"""Parts of frames are given only where they are proven to be the wanted ones."""

import dataclasses

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.cine.hashing import hash_frame
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.prefetched_parts import Decoder, Wanted


def loop(seed=0, frames=4, height=21, width=17):
    pixels = np.random.default_rng(seed).integers(0, 4096, (frames, height, width))
    return Cine.from_array(pixels.astype(np.uint16))


def wanted(path, cine, t=2, number=0):
    proof = hash_frame(cine.frames[t])
    return Wanted(path, cine.shape, number, t, (3, 20), (5, 16), proof)


def test_a_part_of_a_frame_as_it_is_stored(tmp_path):
    write_xa(tmp_path / "a.dcm", loop())
    found = Decoder()(wanted(tmp_path / "a.dcm", loop()))
    np.testing.assert_array_equal(found, loop().frames[2, 3:20, 5:16])
    assert found.dtype == np.uint16
    assert found.flags.c_contiguous


def test_a_loop_is_found_among_those_of_its_folder(tmp_path):
    for seed in range(3):
        write_xa(tmp_path / f"{seed}.dcm", loop(seed))
    decode = Decoder()
    for seed in (2, 0, 1, 2):
        for t in (1, 3):
            found = decode(wanted(tmp_path, loop(seed), t, number=seed))
            np.testing.assert_array_equal(found, loop(seed).frames[t, 3:20, 5:16])


def test_what_would_lie_in_memory_as_a_whole_is_not_kept(tmp_path):
    np.save(tmp_path / "movie.npy", loop(1).frames[:])
    write_xa(tmp_path / "a.dcm", loop())
    decode = Decoder()
    assert decode(wanted(tmp_path, loop(1), number=1)) is None
    assert decode(wanted(tmp_path, loop(), number=0)) is not None


def test_another_file_of_that_name_gives_nothing(tmp_path):
    path, decode = tmp_path / "a.dcm", Decoder()
    write_xa(path, loop())
    assert decode(wanted(path, loop())) is not None
    write_xa(path, loop(seed=1))  # while its header is kept
    assert decode(wanted(path, loop(), t=1)) is None
    assert decode(wanted(path, loop())) is not None  # decoded before
    assert Decoder()(wanted(path, loop())) is None
    path.unlink()
    assert decode(wanted(path, loop(), t=3)) is None
    assert Decoder()(wanted(path, loop())) is None


def test_another_shape_gives_nothing(tmp_path):
    write_xa(tmp_path / "a.dcm", loop())
    other = dataclasses.replace(
        wanted(tmp_path / "a.dcm", loop()), shape=(5, 21, 17), t=4
    )
    assert Decoder()(other) is None
