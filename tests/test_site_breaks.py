"""Options stay whole on the site, long names in tables may break; the text is kept."""

import re

import pytest
from site_breaks import on_page_content

SHELL = '<div class="language-bash highlight"><pre><code>{}</code></pre></div>'


def _text(page):
    return re.sub("<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            SHELL.format("a --out b"),
            SHELL.format('a <span class="whole">--out</span> b'),
        ),
        ("<p><code>--dry-run</code></p>", '<code><span class="whole">--dry-run</span>'),
        ("<td><code>MOTIONSEG_MEMORY</code></td>", "MOTIONSEG_<wbr>MEMORY"),
        ("<td>DeviceSerialNumber</td>", "Device<wbr>Serial<wbr>Number"),
    ],
)
def test_what_may_break_is_marked(page, expected):
    assert expected in on_page_content(page)
    assert _text(on_page_content(page)) == _text(page)


@pytest.mark.parametrize(
    "page",
    [
        "<p>DeviceSerialNumber, --out</p>",
        '<div class="language-python highlight"><pre><code>a --b</code></pre></div>',
        SHELL.format("a") + "<pre><code>--out</code></pre>",
        "<td>a-b, Dice, 2026-11-28</td>",
        '<td><a href="../a_long_name.Page/">x</a></td>',
    ],
)
def test_the_rest_stays_as_it_is(page):
    assert on_page_content(page) == page
