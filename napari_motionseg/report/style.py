"""Hold the style sheet of the page, for light and dark mode."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #1c2733; --quiet: #5b6a79;
  --faint: #9aa7b4; --line: #dde3e9; --accent: #c2570c; --truth: #0e7fb0;
  --result-line: #ffb000; --truth-line: #4cc9f0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f151b; --card: #182029; --ink: #e6ebf0; --quiet: #9fb0bf;
    --faint: #6f7f8e; --line: #2a3541; --accent: #ffb454; --truth: #4cc9f0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
    sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .35rem; }
p { margin: .2rem 0 .9rem; max-width: 46rem; }
.quiet, figcaption { color: var(--quiet); }
.notice {
  display: inline-block; font-size: .82rem; padding: .12rem .7rem; border-radius: 1rem;
  border: 1px solid var(--line); color: var(--quiet); margin: 0;
}
.numbers {
  display: grid; gap: .8rem; margin: 1.4rem 0 0;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
}
.number, .card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
.number { padding: .8rem 1rem; }
.number b {
  display: block; font-size: 1.55rem; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums;
}
.number span { color: var(--quiet); font-size: .85rem; }
.grid { display: grid; gap: 1rem; }
.panels { grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); }
.pair { grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); }
.strip { grid-template-columns: repeat(auto-fill, minmax(164px, 1fr)); gap: .8rem; }
.card { padding: 1rem; }
figure { margin: 0; }
figure svg.picture, figure img, figure video {
  display: block; width: 100%; height: auto; border-radius: 7px; background: #000;
}
figcaption { font-size: .85rem; margin-top: .4rem; line-height: 1.4; }
figcaption b { color: var(--ink); font-weight: 600; }
.chart svg { display: block; width: 100%; height: auto; }
.result, .truth {
  fill: none; stroke-linejoin: round; vector-effect: non-scaling-stroke;
}
.result { stroke: var(--result-line); stroke-width: 1.4; }
.truth { stroke: var(--truth-line); stroke-width: 1; stroke-dasharray: 3 2; }
.anchor { fill: none; stroke: #fff; stroke-width: 2;
  vector-effect: non-scaling-stroke; }
main:has(#hide-result:checked) .result,
main:has(#hide-truth:checked) .truth { display: none; }
.switches { display: flex; flex-wrap: wrap; gap: 1.2rem; margin: .2rem 0 .8rem;
  font-size: .88rem; }
.switches i { display: inline-block; width: 1.5em; border-top: 2px solid;
  vertical-align: middle; margin-right: .35em; }
.key-result { border-color: var(--result-line) !important; }
.key-truth { border-top-style: dashed !important;
  border-color: var(--truth-line) !important; }
.strip .labelled { outline: 2px solid var(--accent); outline-offset: 4px;
  border-radius: 6px; }
.scale { height: .5rem; border-radius: .25rem; margin-top: .5rem; background:
  linear-gradient(90deg, #440154, #3b528b, #21918c, #5ec962, #fde725); }
.ends { display: flex; justify-content: space-between; font-size: .78rem;
  color: var(--quiet); }
.with-wheel { position: relative; }
.with-wheel img.wheel { position: absolute; right: 8px; top: 8px; width: 22%;
  background: none; border-radius: 50%; box-shadow: 0 0 0 1.5px rgb(0 0 0 / .35); }
table { border-collapse: collapse; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .34rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
td.right { text-align: right; white-space: nowrap; }
td.bar { width: 38%; }
td.bar i { display: block; height: .55rem; margin-top: .45rem; border-radius: .28rem;
  background: var(--accent); min-width: 2px; }
details { margin-top: .8rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .88rem; }
pre { overflow: auto; font-size: .76rem; line-height: 1.45; background: var(--paper);
  border: 1px solid var(--line); border-radius: 7px; padding: .8rem;
  max-height: 26rem; }
footer { margin-top: 2.6rem; font-size: .85rem; color: var(--quiet); }
@media print { .strip { grid-template-columns: repeat(5, 1fr); } }
"""
