# SPDX-License-Identifier: MIT
#
# Draws the drain rates of a queue benchmark: one bar per consumer and packet
# size, relative to the classic loop, with the raw loops as the limit in grey.
# A file of its own, since matplotlib may live in another Python than the driver.
#   plot.py queue.json queue.png
import sys

# The folder of this file holds a queue.py, which must not stand in for queue.
del sys.path[0]

import json
import statistics

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = {"nfbind": "#1f6fb4", "raw": "#9a9a9a"}


def medians(samples):
    return {name: statistics.median(s["kpps"] for s in runs) for name, runs in samples.items()}


def draw_section(axes, title, samples):
    rates = medians(samples)
    names = sorted(rates, key=rates.get)
    colours = [COLOURS.get(name.split()[0], "#d08b3c") for name in names]
    bars = axes.barh(names, [rates[name] for name in names], color=colours)
    labels = [f"{rates[name]:.0f}  (x {rates[name] / rates['classic']:.2f})" for name in names]
    axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.set_xlim(0, max(rates.values()) * 1.3)
    axes.set_title(title)
    axes.set_xlabel("thousand packets per second (x classic), median")


def main(source, picture):
    with open(source, encoding="utf-8") as file:
        results = json.load(file)
    drains = {n: s for n, s in results["samples"].items() if n.startswith("drain")}
    if not drains:
        return
    figure, axes = pyplot.subplots(1, len(drains), figsize=(6.5 * len(drains), 4.8))
    axes = [axes] if len(drains) == 1 else axes
    for place, (title, samples) in zip(axes, drains.items()):
        draw_section(place, title, samples)
    figure.suptitle("One thread drains a full queue, verdict ACCEPT")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


main(*sys.argv[1:])
