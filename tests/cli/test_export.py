"""`motionseg export` writes masks, overlays and reports."""

import numpy as np
import pytest

from napari_motionseg.io import read_labels, write_masks


@pytest.fixture
def masks_file(tmp_path, synthetic):
    write_masks(tmp_path / "m.npz", synthetic.masks.astype(np.uint8))
    return tmp_path / "m.npz"


@pytest.mark.parametrize("name", ["m.nii.gz", "m.tiff", "o.gif", "r.html"])
def test_masks_are_exported(
    motionseg, loop_file, masks_file, tmp_path, name, synthetic
):
    out = tmp_path / "out" / name
    answer = motionseg("export", loop_file, "--masks", masks_file, "--out", out)
    assert answer.code == 0, answer.err
    assert answer.out.strip() == str(out)
    if name in ("m.nii.gz", "m.tiff"):
        read = read_labels(out, shape=synthetic.cine.shape)
        np.testing.assert_array_equal(read.labels, synthetic.masks)
    else:
        assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--out", "x.pdf"), "x.pdf"),
        (("--out", "x.gif", "--style", "filled"), "tinted"),
        (("--out", "x.gif", "--reference", "m.npz"), "are for .html"),
    ],
)
def test_bad_exports_cost_one_line(motionseg, loop_file, masks_file, options, word):
    answer = motionseg("export", loop_file, "--masks", masks_file, *options)
    assert answer.code == 2
    assert word in answer.err
    assert len(answer.err.strip().splitlines()) == 1
