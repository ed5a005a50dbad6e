"""A hook of mkdocs: equations become pictures in the page, drawn by matplotlib.

So the site needs no script and no network, and GitHub, which draws the same TeX itself,
shows the same equations.
"""

from __future__ import annotations

import html
import re
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL
)
SIZE_PT = 12.0
INK = "#010203"  # a colour that nothing else has, to be told from others below


def on_page_content(text: str, **_: Any) -> str:
    """Replace what arithmatex has marked."""
    return FORMULA.sub(_drawn, text)


def _drawn(found: re.Match[str]) -> str:
    kind, tex = found[1], html.unescape(found[2]).strip()
    picture = StringIO()
    style = {"mathtext.fontset": "stix", "svg.fonttype": "path", "svg.hashsalt": "math"}
    with mpl.rc_context(style):
        depth = math_to_image(
            f"${' '.join(tex.split())}$", picture, format="svg", color=INK,
            prop=FontProperties(size=SIZE_PT), dpi=72,
        )  # fmt: skip
    svg = picture.getvalue().strip()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    label = html.escape(tex, quote=True)
    shift = f"vertical-align: {-depth:.2f}pt"
    svg = svg.replace(
        "<svg", f'<svg role="img" aria-label="{label}" style="{shift}"', 1
    )
    return f'<{kind} class="formula">{svg}</{kind}>'
