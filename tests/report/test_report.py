"""The report: outlines that lie on the pixels, one page that needs nothing else."""

import dataclasses
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.report import FromMotion, Report, overlay_frames, write_report
from napari_motionseg.report.loss_curves import dice_curve, loss_curve, running_mean
from napari_motionseg.report.page import render_report
from napari_motionseg.report.pictures import as_gray, in_colors, outline, png
from napari_motionseg.segmentation import evaluate

SHAPE = (4, 24, 32)


@pytest.fixture
def report():
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, SHAPE, dtype=np.uint8)
    cine = Cine.from_array(pixels, frame_times=np.arange(4) * 66.7)
    truth = np.zeros(SHAPE, bool)
    truth[1:, 5:9, 4:28] = True
    masks = np.roll(truth, 1, axis=1).astype(np.uint8)
    return Report(
        title="A <title> & more",
        cine=dataclasses.replace(cine, patient={"PatientName": "Doe^Jane"}),
        masks=masks,
        labelled=(2,),
        from_motion=FromMotion(
            frame=2,
            flow=generator.normal(size=(2, 24, 32)),
            flow_frame=1,
            gap=2,
            projection=generator.random((24, 32, 3)),
            similarity=generator.uniform(-1, 1, (24, 32)),
            anchor=(6, 10),
        ),
        truth=truth,
        truth_note="Known exactly.",
        evaluation=evaluate(masks, truth),
        losses={"Fine-tuning": [3.0, 2.0, 1.0], "Nothing": []},
        times={"Segmenting": 1.25, "Report": 0.5},
        headlines=[("Dice", "0.750")],
        provenance={"seed": "0"},
        cards={"vessel.safetensors": {"kind": "segmentation"}},
    )


def test_the_page_holds_what_there_is_and_loads_nothing(report, tmp_path):
    write_report(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text()
    assert page == render_report(report)
    assert "A &lt;title&gt; &amp; more" in page
    for part in (
        "0.750",
        "1.2 s",
        "1.8 s",
        "loss of fine-tuning",
        "vessel.safetensors",
    ):
        assert part in page
    assert "loss of nothing" not in page
    assert "Doe" not in page
    links = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert all(link.startswith(("data:", "#")) for link in links)
    assert page.count('class="result"') == page.count('class="truth"') == 4
    assert page.count('class="labelled"') == 1
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_text_from_files_does_nothing_on_the_page(report):
    hostile = "<script>alert(1)</script>\x1b[31m\u202e\nforged"
    page = render_report(
        dataclasses.replace(
            report,
            title=hostile,
            truth_note=hostile,
            times={hostile: 1.0},
            headlines=((hostile, hostile),),
            provenance={hostile: hostile},
            cards={hostile: {hostile: float("nan")}},
        )
    )
    assert "<script" not in page
    assert not set("\x1b\u202e") & set(page)
    assert "NaN" not in page


def test_without_a_truth_there_is_none_to_show(report):
    page = render_report(dataclasses.replace(report, truth=None, evaluation=None))
    assert 'class="truth"' not in page
    assert "Agreement" not in page


def test_a_report_without_pretraining_shows_the_frames_that_are_wanted(report):
    page = render_report(
        dataclasses.replace(
            report, from_motion=None, shown=(1, 3), labelled=(1, 2), times={}
        )
    )
    assert "From motion" not in page
    assert "Run times" not in page
    assert "2 were labelled: 1, 2." in page
    assert page.count('class="result"') == 2
    assert page.count('class="labelled"') == 1
    nothing = render_report(dataclasses.replace(report, labelled=()))
    assert "none was labelled" in nothing


@pytest.mark.parametrize("name", ["masks", "truth"])
def test_what_does_not_fit_the_loop_is_refused(report, name):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(report, **{name: np.zeros((4, 24, 31), bool)})


def test_an_outline_holds_exactly_the_pixels_of_its_mask():
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:20] = True
    mask[12:18, 0:7] = True  # at the border
    rows, columns = np.nonzero(np.ones_like(mask))
    centres = np.column_stack((columns + 0.5, rows + 0.5))
    inside = np.zeros(len(centres), bool)
    for part in re.findall(r"M([^Z]+)Z", outline(mask)):
        points = [tuple(map(float, p.split())) for p in part.split("L")]
        inside ^= Outline(points).contains_points(centres)
    np.testing.assert_array_equal(inside.reshape(mask.shape), mask)
    assert outline(np.zeros((5, 5))) == ""


def test_contrast_is_the_same_on_all_frames():
    pixels = np.full((3, 8, 8), 100, np.uint8)
    pixels[0, 0, 0], pixels[1] = 50, 150
    gray = as_gray(dataclasses.replace(Cine.from_array(pixels), window=(50, 150)))
    assert gray[0, 0, 0] == 0
    assert gray[2, 4, 4] == 127
    assert (gray[1] == 255).all()
    assert as_gray(Cine.from_array(np.full((2, 8, 8), 7, np.uint8))).max() == 0


def test_colours_end_where_the_scale_ends():
    colors = in_colors(np.asarray([[-2.0, -1.0, 0.0, 1.0, 5.0]]), -1, 1)
    np.testing.assert_array_equal(colors[0, 0], colors[0, 1])
    np.testing.assert_array_equal(colors[0, 3], colors[0, 4])
    assert (colors[0, 1] != colors[0, 3]).any()


def test_a_picture_comes_back_from_its_text():
    import base64
    import io

    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    head, _, body = png(pixels).partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_the_movie_is_twice_as_large_with_the_outline_in_it(report):
    movie = overlay_frames(report.cine, report.masks)
    assert movie.shape == (4, 48, 64, 3)
    assert movie.dtype == np.uint8
    coloured = (movie[..., 0] != movie[..., 2]).any(axis=(1, 2))
    np.testing.assert_array_equal(coloured, report.masks.any(axis=(1, 2)))


def test_running_mean_is_that_of_a_loop():
    values = np.random.default_rng(2).normal(size=40)
    width = 3  # 8 % of 40
    expected = [values[max(0, i - 1) : i + 2].mean() for i in range(len(values))]
    assert width == round(0.08 * len(values))
    np.testing.assert_allclose(running_mean(values), expected)
    np.testing.assert_allclose(running_mean([2.0]), [2.0])


def test_curves_are_svg_in_the_pages_colours(report):
    truth = report.truth.mean(axis=(1, 2))
    for text in (
        loss_curve("Training", [2, 1]),
        dice_curve(report.evaluation, truth, (1, 2)),
    ):
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert "width" not in root.attrib
        assert "var(--accent)" in text
        assert "#010203" not in text
    assert loss_curve("A", [1, 2]) == loss_curve("A", [1, 2])
