# SPDX-License-Identifier: MIT
#
# Draws the rates of a benchmark: one bar per program and section, relative to the
# peer's ordinary loop, with the raw loops as the limit in grey. A file of its own, since
# matplotlib may live in another Python than the driver.
#   plot.py queue.json queue.png
#   plot.py conntrack.json conntrack.png
import sys

# The folder of this file holds a queue.py, which must not stand in for queue.
del sys.path[0]

import json
import pathlib
import statistics

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = {"nfbind": "#1f6fb4", "raw": "#9a9a9a"}

# What the files hold: the key of the rate, the peer, what sections begin with, the words.
BENCHES = {
    "queue": ("kpps", ("classic",), ("drain",), "thousand packets per second",
              "One thread drains a full queue, verdict ACCEPT"),
    "conntrack": ("kps", ("nfct_query", "nfct_catch"), ("dump", "create", "change", "remove", "events"),
                  "thousand per second", "One thread reads and writes the connection tracking table"),
}
ACROSS = 3


def draw_section(axes, title, samples, bench):
    key, peers, _, what, _ = bench
    rates = {name: statistics.median(s[key] for s in runs) for name, runs in samples.items()}
    base = next((rates[peer] for peer in peers if peer in rates), None)
    names = sorted(rates, key=rates.get)
    bars = axes.barh(names, [rates[name] for name in names],
                     color=[COLOURS.get(name.split()[0], "#d08b3c") for name in names])
    labels = [f"{rates[name]:.0f}" + (f"  (x {rates[name] / base:.2f})" if base else "")
              for name in names]
    axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.set_xlim(0, max(rates.values()) * 1.35)
    axes.set_title(title)
    axes.set_xlabel(f"{what}, median")


def main(source, picture):
    with open(source, encoding="utf-8") as file:
        results = json.load(file)
    bench = BENCHES[pathlib.Path(source).stem]
    sections = {n: s for n, s in results["samples"].items() if n.startswith(bench[2])}
    if not sections:
        return
    across = min(ACROSS, len(sections))
    down = -(-len(sections) // across)
    figure, grid = pyplot.subplots(down, across, figsize=(6.5 * across, 4.8 * down), squeeze=False)
    places = list(grid.flat)
    for place, (title, samples) in zip(places, sections.items()):
        draw_section(place, title, samples, bench)
    for place in places[len(sections):]:
        place.axis("off")
    figure.suptitle(bench[4])
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


main(*sys.argv[1:])
