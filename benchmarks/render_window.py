"""Clicks, seconds and blocks of the window, beside other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tables import answer, listed, table

ALLOWED_MS = 100
GOAL = 0.8
QUESTIONS = (
    "How many clicks does it take to get masks?",
    "For how long does a button block the window?",
)
# Steps for masks on all frames that the tools' own pages list, counted as ours. They
# segment one object at a time, and a vessel tree loses branches from frame to frame.
COUNTED = (
    (
        "micro-sam, Annotator Tracking",
        "8 and more: drop, menu (2), embeddings, point, *Segment Object*, *Track "
        "Object*, *Commit*; prompts for each lost branch",
        "https://github.com/computational-cell-analytics/micro-sam/blob/"
        "0bc23d8e27682903d769f788bf5c132d32af8760/doc/annotation_tools.md",
    ),
    (
        "3D Slicer, Segment Editor and Sequences",
        "10 and 2 a frame: drop, module, segment, *Threshold*, range, *Apply*, "
        "*Sequences*, new sequence, proxy node, *Save changes*; next frame and *Apply*",
        "https://github.com/Slicer/Slicer/blob/"
        "40aaa0e6539af2a85816ca13c49690b803b73fa6/Docs/user_guide/modules/sequences.md",
    ),
)


def window(results: Path) -> list[str]:
    """Return the sections on the window, if the benchmark has run."""
    path = results / "window.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    return [tasks(found), buttons(found)]


def tasks(found: dict[str, Any]) -> str:
    """Return the section on clicks and seconds, beside other tools."""
    tools = [("this program", found["motionseg"])]
    peer = found.get("convpaint")
    if peer:
        name = f"napari-convpaint {peer['version']}, {peer['features']}"
        tools.append((name, peer))
    rows = [row(name, tool) for name, tool in tools]
    rows += [(name, "", steps, *("",) * 6) for name, steps, _ in COUNTED]
    head = (
        "tool", "launch to loop, s", "masks on all frames: clicks", "s", "Dice",
        "from the first stroke: clicks", "s", "Dice of the frame", "load",
    )  # fmt: skip
    clicks = [
        f"{name.split(',')[0]} {tool['all_frames']['clicks']}" for name, tool in tools
    ]
    conclusion = f"Clicks to masks on all frames: {listed(clicks)}."
    pages = "; ".join(f"[{name}]({url})" for name, _, url in COUNTED)
    how = (
        f"`benchmarks/window.py` drives each window by events of mouse and keyboard on "
        f"a synthetic loop of {found['frames']} frames of {found['size']} x "
        f"{found['size']} px with exact masks; the window has {found['window'][0]} x "
        f"{found['window'][1]} px. A click is one press, stroke, key or dropped file. "
        f"Both programs get the same strokes, {found['strokes'][0]} on vessels and "
        f"{found['strokes'][1]} beside them a round, until the Dice of the painted "
        "frame is 0.8 or four rounds are over; then the best round is shown. The first "
        "masks of this program need no stroke. Seconds count from the start of the "
        "process, or from the first stroke; *load* is the load average at the end of "
        "each run, its own work included. napari-convpaint has the best of its "
        "features that need no download of weights; its default network, which it "
        "loads at its start, has random weights. Steps of the other tools are counted "
        f"from their pages, which publish no seconds: {pages}. {found['machine']}, "
        f"{found['date']}."
    )
    return answer(QUESTIONS[0], conclusion, table(head, rows), how)


def row(name: str, tool: dict[str, Any]) -> tuple[str, ...]:
    """Return a row of the table of tasks."""
    whole = tool["all_frames"]
    tries = [*tool["rounds"], *([tool["trained"]] if "trained" in tool else [])]
    best = max(tries, key=lambda r: r["dice"])
    first = next((r for r in tries if r["dice"] >= GOAL), best)
    return (
        name, f"{tool['launch_s']:.0f}", f"{whole['clicks']}",
        f"{whole['seconds']:.0f}", f"{whole['dice']:.2f}", f"{first['clicks']}",
        f"{first['seconds']:.0f}", f"{first['dice']:.2f}", f"{tool['load']:.0f}",
    )  # fmt: skip


def buttons(found: dict[str, Any]) -> str:
    """Return the section on each button's longest block beside bare napari's."""
    rows = [
        (
            r["button"], r["layers"], f"{r['block_ms']:.0f}", f"{r['bare_ms']:.0f}",
            "yes" if r["block_ms"] <= r["bare_ms"] + ALLOWED_MS else "**no**",
        )
        for r in found["motionseg"]["buttons"]
    ]  # fmt: skip
    good = sum(r[-1] == "yes" for r in rows)
    conclusion = (
        f"{good} of {len(rows)} buttons block it by at most {ALLOWED_MS} ms more than "
        "bare napari needs for the same layers."
    )
    how = (
        "`benchmarks/window.py`: a block is the longest time without a turn of the "
        "event loop, from the click to the end of what the button starts. Bare napari "
        "adds and removes the same layers, one at a time, in the same run; the longest "
        "of these blocks stands beside. A dock is opened from the menu; beside it, "
        "bare napari adds an empty dock of the same width. Beside a button that "
        "changes no layer, it hides and shows the loop. Load average "
        f"{found['motionseg']['load']:.0f} on {found['machine']}, {found['date']}."
    )
    head = ("button", "layers", "longest block, ms", "bare napari, ms", "within 100 ms")
    return answer(QUESTIONS[1], conclusion, table(head, rows), how)
