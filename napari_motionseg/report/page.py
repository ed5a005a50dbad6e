"""Render the page: one function for each section, which returns a piece of HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

import numpy as np

from napari_motionseg.io.atomic import replacing
from napari_motionseg.motion import color_wheel, flow_to_rgb, full_color_length
from napari_motionseg.report import loss_curves as curves
from napari_motionseg.report.contents import FromMotion, Report
from napari_motionseg.report.pictures import (
    as_gray,
    embed_file,
    in_colors,
    outline,
    png,
)
from napari_motionseg.report.style import CSS
from napari_motionseg.report.vessel_section import vessel_section
from napari_motionseg.text import as_json, without_controls

RESEARCH_USE = "Research use only; not a medical device."


def write_report(path: str | Path, report: Report) -> None:
    """Write a report as one HTML file, atomically.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    text = render_report(report)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render_report(report: Report) -> str:
    """Return the page as text."""
    sections = (
        _head(report),
        _panels(report),
        _strip(report),
        _vessels(report),
        _agreement(report),
        _losses(report),
        _times(report),
        _provenance(report),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(report.title)}</title><style>{CSS}</style></head><body><main>"
        f"{''.join(sections)}<footer>Made by napari-motionseg. {RESEARCH_USE}</footer>"
        "</main></body></html>\n"
    )


def _head(report: Report) -> str:
    count, rows, columns = report.cine.shape
    rate = report.cine.frame_rate
    speed = "" if rate is None else f" at {rate:.3g} frames/s"
    numbers = "".join(
        f'<div class="number"><b>{_text(value)}</b><span>{_text(name)}</span></div>'
        for name, value in report.headlines
    )
    return (
        f"<header><h1>{_text(report.title)}</h1>"
        f'<p class="quiet">{count} frames of {rows} x {columns} px{speed}; '
        f"{_labelled_words(report.labelled)}</p>"
        f'<p class="notice">{RESEARCH_USE}</p>'
        f'<div class="numbers">{numbers}</div></header>'
    )


def _labelled_words(labelled: tuple[int, ...]) -> str:
    if not labelled:
        return "none was labelled."
    if len(labelled) == 1:
        return f"one, frame {labelled[0]}, was labelled."
    return f"{len(labelled)} were labelled: {', '.join(map(str, labelled))}."


def _panels(report: Report) -> str:
    seen = report.from_motion
    if seen is None:
        return ""
    t = seen.frame
    frame = as_gray(report.cine)[t]
    longest = full_color_length(seen.flow)
    flow = (
        f'<div class="with-wheel">{_picture(flow_to_rgb(seen.flow, longest))}'
        f'<img class="wheel" alt="colour wheel" src="{png(color_wheel(96))}"></div>'
    )
    similarity = (
        _picture(in_colors(seen.similarity, -1, 1), _anchor(seen))
        + '<div class="scale"></div><div class="ends"><span>-1</span>'
        "<span>cosine</span><span>1</span></div>"
    )
    figures = (
        _figure(_picture(frame), f"<b>Frame {t}</b>, the one that was labelled."),
        _figure(
            flow,
            f"<b>Optical flow</b> from frame {seen.flow_frame} to "
            f"{seen.flow_frame + seen.gap}. Hue is direction; the wheel's edge is "
            f"{longest:.1f} px.",
        ),
        _figure(
            _picture(np.asarray(seen.projection * 255, np.uint8)),
            "<b>Embedding</b> learnt from flow alone, projected at random to colours.",
        ),
        _figure(
            similarity, "<b>Similarity</b> of each pixel's embedding with the anchor's."
        ),
    )
    return _section(
        "From motion to an embedding",
        "Pretraining teaches the network that pixels which move alike should look "
        "alike; it has no other information.",
        f'<div class="grid panels">{"".join(figures)}</div>',
    )


def _anchor(seen: FromMotion) -> str:
    row, column = seen.anchor
    radius = max(seen.similarity.shape) / 45
    centre = f'cx="{column + 0.5}" cy="{row + 0.5}"'
    return f'<circle class="anchor" {centre} r="{radius:.1f}"/>'


def _strip(report: Report) -> str:
    dice = {}
    if report.evaluation is not None:
        frames = report.evaluation.frames
        dice = dict(zip(frames.tolist(), report.evaluation.dice, strict=True))
    cells = []
    shown = range(len(report.cine)) if report.shown is None else report.shown
    gray = as_gray(report.cine)
    for t in shown:
        frame = gray[t]
        lines = f'<path class="result" d="{outline(report.masks[t] > 0)}"/>'
        if report.truth is not None:
            lines += f'<path class="truth" d="{outline(report.truth[t])}"/>'
        caption = f"<b>{t}</b>"
        if t in dice:
            caption += f" &middot; Dice {dice[t]:.2f}"
        chosen = t in report.labelled
        caption += " &middot; labelled" if chosen else ""
        kind = ' class="labelled"' if chosen else ""
        cells.append(_figure(_picture(frame, lines), caption, kind))
    return _section(
        "The result, frame by frame", "", _movie(report), _switches(report),
        f'<div class="grid strip">{"".join(cells)}</div>',
    )  # fmt: skip


def _movie(report: Report) -> str:
    if report.movie is None:
        return ""
    source = embed_file(report.movie)
    shown = f'<img alt="the result as a loop" src="{source}">'
    if source.startswith("data:video"):
        shown = (
            f'<video controls loop muted autoplay playsinline src="{source}"></video>'
        )
    return (
        '<div style="max-width:420px;margin:.4rem 0 1rem">'
        f"{_figure(shown, 'The loop with the outline of the result.')}</div>"
    )


def _switches(report: Report) -> str:
    names = ["result"] if report.truth is None else ["result", "truth"]
    boxes = "".join(
        f'<label><i class="key-{name}"></i>{name} '
        f'<input type="checkbox" id="hide-{name}"> hide</label>'
        for name in names
    )
    return f'<div class="switches">{boxes}</div>'


def _agreement(report: Report) -> str:
    if report.evaluation is None or report.truth is None:
        return ""
    chart = curves.dice_curve(
        report.evaluation,
        report.truth.mean(axis=(1, 2)),
        report.labelled,
    )
    return _section(
        "Agreement with the truth",
        report.truth_note,
        f'<div class="card chart">{chart}</div>',
    )


def _vessels(report: Report) -> str:
    if not report.vessels:
        return ""
    return _section(
        "Measured vessels",
        "Diameters are those of the frames named below. The uncertainty of a diameter "
        "is that of noise alone.",
        vessel_section(report.cine, report.vessels),
    )


def _losses(report: Report) -> str:
    charts = "".join(
        f'<div class="card chart">{curves.loss_curve(name, losses)}</div>'
        for name, losses in report.losses.items()
        if len(losses)
    )
    if not charts:
        return ""
    return _section("Training", "", f'<div class="grid pair">{charts}</div>')


def _times(report: Report) -> str:
    if not report.times:
        return ""
    total = sum(report.times.values())
    longest = max(report.times.values(), default=1.0) or 1.0
    rows = [
        f'<tr><td>{_text(name)}</td><td class="bar"><i style="width:'
        f'{100 * seconds / longest:.1f}%"></i></td><td class="right">{seconds:.1f} s'
        "</td></tr>"
        for name, seconds in report.times.items()
    ]
    rows.append(
        f'<tr><td><b>In all</b></td><td></td><td class="right"><b>{total:.1f} s</b>'
        "</td></tr>"
    )
    return _section("Run times", "", f'<div class="card">{_table(rows)}</div>')


def _provenance(report: Report) -> str:
    rows = [
        f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>"
        for name, value in report.provenance.items()
    ]
    cards = "".join(
        f"<details><summary>Model card of {_text(name)}</summary><pre>"
        f"{_text(as_json(card, indent=2), lines=True)}</pre></details>"
        for name, card in report.cards.items()
    )
    return _section("Provenance", "", f'<div class="card">{_table(rows)}{cards}</div>')


def _text(text: str, *, lines: bool = False) -> str:
    """Return text from anywhere as HTML that is harmless and shows it."""
    parts = text.split("\n") if lines else [text]
    return escape("\n".join(map(without_controls, parts)))


def _table(rows: Iterable[str]) -> str:
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _section(title: str, lead: str, *parts: str) -> str:
    text = f'<p class="quiet">{_text(lead)}</p>' if lead else ""
    return f"<section><h2>{_text(title)}</h2>{text}{''.join(parts)}</section>"


def _figure(content: str, caption: str, kind: str = "") -> str:
    return f"<figure{kind}>{content}<figcaption>{caption}</figcaption></figure>"


def _picture(pixels: np.ndarray, drawn: str = "") -> str:
    """Return pixels as an SVG picture with lines `drawn` over it, in pixel units."""
    height, width = pixels.shape[:2]
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" role="img">'
        f'<image width="{width}" height="{height}" href="{png(pixels)}"/>{drawn}</svg>'
    )
