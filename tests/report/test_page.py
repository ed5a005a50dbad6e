"""A report is one page that needs nothing else."""

import dataclasses
import re

from napari_motionseg.report import write_report
from napari_motionseg.report.page import render_report


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
