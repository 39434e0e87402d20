"""Figure 5: samples of MNIST from models of 2, 5, 10 and 20 latents.

    python examples/aevb/figure_5.py

Drawn are the decoder's means E[x∣z] at z ~ N(0, I). The models are those of figure 2's curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paper
from matplotlib.figure import Figure

import lowerbound as lb


def main(arguments: Sequence[str] | None = None) -> None:
    parser = paper.parser(__doc__, rows=1_000_000)
    parser.add_argument("--latents", type=int, nargs="+", default=[2, 5, 10, 20], help="[2 5 10 20]")
    parser.add_argument("--side", type=int, default=10, help="pictures a side [10]")
    options = parser.parse_args(arguments)
    data = paper.mnist(options.folder)
    figure = Figure(figsize=(2.6 * len(options.latents), 2.9), dpi=150, layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    curves, side, (height, width) = [], options.side, data.shape
    for size, panel in zip(
        options.latents, figure.subplots(1, len(options.latents), squeeze=False)[0], strict=True
    ):
        found, model = paper.learned(data, "aevb", size, options)
        curves.append(found)
        means = lb.sample(model, side * side, key=options.seed, mean=True)
        mosaic = np.swapaxes(means.reshape(side, side, height, width), 1, 2).reshape(
            side * height, side * width
        )
        panel.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
        panel.set_title(f"{size} latents", fontsize=11, color=paper.INK)
    paper.kept(figure, curves, options, "figure-5")


if __name__ == "__main__":
    main()
