"""The sections of `benchmarks/clicks.py` in RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path

from tables import SILVER, answer, listed, table

FASTER_THAN_S = 0.15  # a click at 384 px
LOOP_S = 5.0
ABOVE = 0.05  # IoU above the best peer
HALF = 0.5
CORRECTIONS = 5
PROPAGATION = "propagation+head"


def clicks(results: Path) -> list[str]:
    """Return the sections that there are."""
    path = results / "propagation_start.json"
    last = [start(json.loads(path.read_text()))] if path.exists() else []
    path = results / "clicks.json"
    if not path.exists():
        return last
    found = json.loads(path.read_text())
    parts = {
        "branches": branches, "flow": flow, "trees": trees, "times": times,
        "window": window,
    }  # fmt: skip
    made = [make(found[name]) for name, make in parts.items() if found.get(name)]
    return made + last


def where(rows: dict) -> str:
    """Return machines and days of the rows."""
    seen = sorted({f"{row['machine']}, {row['date']}" for row in rows.values()})
    return f"{'; '.join(seen)}."


def branches(rows: dict) -> str:
    """Return the section on one click against the clicked branch."""
    own = rows["propagation"]
    peers = {name: row["iou"] for name, row in rows.items() if name != "propagation"}
    best = max(peers, key=peers.get)
    gain = own["iou"] - peers[best]
    lines = [
        (name, f"{row['iou']:.3f} ({row['low']:.3f} to {row['high']:.3f})",
         f"{row['number']:g}")
        for name, row in sorted(rows.items(), key=lambda item: -item[1]["iou"])
    ]  # fmt: skip
    verdict = "reached" if gain >= ABOVE else "missed"
    return answer(
        "How much of a vessel branch does one click mask?",
        f"The IoU is {own['iou']:.3f}, and {peers[best]:.3f} by {best}; the target of "
        f"{ABOVE:.2f} above all is {verdict}.",
        table(("method", "IoU with the clicked branch", "its number"), lines),
        f"`benchmarks/clicks.py`: {own['clicks']} clicks on the widest place of the "
        f"largest branches of {own['pictures']} synthetic pictures whose branches are "
        "known; 95 % interval over pictures. *Its number*: threshold, tolerance, reach "
        "or beta; that of each peer is the best on pictures of its own. "
        f"{where(rows)}",
    )


def flow(rows: dict) -> str:
    """Return the section on flow from guidance."""
    own = rows["propagation"]
    peers = {n: row for n, row in rows.items() if n != "propagation"}
    best = min(peers, key=lambda name: peers[name]["error_px"])
    share = own["error_px"] / peers[best]["error_px"]
    on = own["vessel_error_px"] / peers[best]["vessel_error_px"]
    lines = [
        (name, f"{row['error_px']:.3f}", f"{row['vessel_error_px']:.3f}")
        for name, row in sorted(rows.items(), key=lambda item: item[1]["error_px"])
    ]
    verdict = "reached" if share <= HALF else "missed"
    return answer(
        "How well is flow propagated from a few guided points?",
        f"The error is {share:.0%} of that of {best} interpolation, and {on:.0%} on "
        f"vessels; the target of half is {verdict}.",
        table(("method", "end-point error, px", "on vessels, px"), lines),
        f"`benchmarks/clicks.py`: {own['pictures']} synthetic frames with exact flow, "
        f"windows of 384 px; guidance by watershed (K = 15) and grid (G = 80), "
        f"{own['points']:.0f} points on average. {where(rows)}",
    )


def trees(rows: dict) -> str:
    """Return the section on clicks and strokes until a tree is good."""
    lines = [
        (name, row["pictures"],
         *(cell(row[kind]) for kind in ("clicks", "strokes", "corrections")),
         *(best(row[f"best {kind}"]) for kind in ("branches", "outlines")))
        for name, row in rows.items()
    ]  # fmt: skip
    halves = [n for n, row in rows.items() if half_as_many(row)]
    few = [n for n, row in rows.items() if row["corrections"]["median"] < CORRECTIONS]
    silver = f" {SILVER}" if any("silver" in name for name in rows) else ""
    return answer(
        "How many clicks does a vessel tree need?",
        f"At most half as many clicks as strokes on {listed(halves) or 'no set'}; "
        f"fewer than {CORRECTIONS} corrections of the first guess on "
        f"{listed(few) or 'no set'}.",
        table(
            ("set", "pictures", "clicks from nothing", "strokes with preview",
             "clicks from the first guess", "best choice of branches",
             "and of their outlines"),
            lines,
        ),
        "`benchmarks/clicks.py`: median number until the Dice is .8, and the share of "
        "pictures that reach it within 12. A robot clicks on the centre of the largest "
        "error. All its clicks together give the mask: from nothing the whole tree, "
        "from the first guess all vessels. The same robot paints strokes of 50 px "
        "there, with the live preview. The *best choice of branches* has no clicks: an "
        "oracle that knows the truth takes or leaves each branch of what the default "
        "network gives a probability of at least .05, with the outline at .5, or with "
        "the threshold that is best for each branch; mean Dice, and the share of "
        "pictures on which it reaches .8. Corrections of clicks were developed on "
        "other synthetic pictures, on the other patients of the drawn sets, and on p1 "
        "to p4; two constants were changed, on those pictures, after a look at results "
        f"of the pictures in the table.{silver} {where(rows)}",
    )  # fmt: skip


def best(found: dict) -> str:
    """Return what an oracle reaches."""
    return f"{found['dice']:.2f} ({found['reached']:.0%})"


def cell(found: dict) -> str:
    """Return median and share of one way."""
    return f"{found['median']:g} ({found['reached']:.0%})"


def half_as_many(row: dict) -> bool:
    """Return whether clicks reach the target as often, with half as many."""
    clicked, painted = row["clicks"], row["strokes"]
    often = clicked["reached"] >= painted["reached"]
    return often and clicked["median"] <= painted["median"] / 2


def times(rows: dict) -> str:
    """Return the section on times."""
    lines = [
        (name, f"{row['encoder_s']:.3f}", f"{1000 * row['click_s']:.0f} ms")
        for name, row in rows.items() if "click_s" in row
    ]  # fmt: skip
    loop = next(row for row in rows.values() if "loop_s" in row)
    own = rows["384 px"]
    verdict = "reached" if own["click_s"] <= FASTER_THAN_S else "missed"
    played = "reached" if loop["loop_s"] <= LOOP_S and loop["finite"] else "missed"
    return answer(
        "How quickly is a click answered?",
        f"In {1000 * own['click_s']:.0f} ms at 384 px (target "
        f"{1000 * FASTER_THAN_S:.0f} ms {verdict}), after {own['encoder_s']:.2f} s for "
        f"the frame; a guided loop of 30 frames of 512 px takes {loop['loop_s']:.1f} s "
        f"(target {LOOP_S:g} s {played}).",
        table(("picture", "encoder, once a frame, s", "a click"), lines),
        f"`benchmarks/clicks.py`, median of 5 after a first call. {where(rows)}",
    )


def start(found: dict) -> str:
    """Return the section on conditional motion propagation as a start."""
    gains = {
        control: next(row for row in rows if row["method"] == PROPAGATION)
        for control, rows in found["against"].items()
        if control != PROPAGATION
    }
    lines = [
        (row["method"], row["draws"], f"{row['dice']:.3f}")
        for row in found["against"]["scratch"]
    ]
    told = " and ".join(
        f"{row['gain']:+.3f} ({row['gain_low']:+.3f} to {row['gain_high']:+.3f}) over "
        f"{control}"
        for control, row in gains.items()
    )
    sure = all(row["gain_low"] > 0 for row in gains.values())
    verdict = "Yes" if sure else "Not shown"
    return answer(
        "Is conditional motion propagation a start for few labels?",
        f"{verdict}: the gain in Dice is {told}.",
        table(("start", "draws", "Dice"), lines),
        f"`benchmarks/motion.py --arms scratch random propagation --steps "
        f"{found['pretraining_steps']} --schedules short` as of commit "
        f"{found['commit']}: a U-Net taught by this objective on exact flow of "
        "synthetic pairs (K = 15, G = 80), without any mask; then 80 steps of two 128 "
        "px windows from one labelled frame of another patient. *+head*: features on "
        "one scale, and a new last layer that begins with what fits the label; "
        "*random+head*: the same with random features. Gains are on the same loop and "
        f"draw (draws {found['draws']}), with the 95 % interval over draws and "
        f"patients. {SILVER} {found['processor']}, {found['date']}.",
    )


def window(rows: dict) -> str:
    """Return the section on clicks in the real window."""
    lines = [
        (name, f"{row['prepare_s']:.1f}", f"{row['click_ms']:.0f}",
         f"{row['slowest_ms']:.0f}", f"{row['blocked_ms']:.0f}")
        for name, row in rows.items()
    ]  # fmt: skip
    own = rows["384 px"]
    verdict = "reached" if own["click_ms"] <= 1000 * FASTER_THAN_S else "missed"
    return answer(
        "How soon does the window show the mask of a click?",
        f"After {own['click_ms']:.0f} ms at 384 px (target {1000 * FASTER_THAN_S:.0f} "
        f"ms {verdict}).",
        table(
            ("picture", "tool taken until it is ready, s", "a click, median, ms",
             "slowest, ms", "window blocked, ms"),
            lines,
        ),
        f"`benchmarks/clicks_window.py`: {own['clicks']} clicks of the mouse on "
        "vessels of a synthetic loop, from the press until the layer holds the mask. "
        f"The network is loaded in a thread while the dock opens. {where(rows)}",
    )  # fmt: skip
