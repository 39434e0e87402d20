"""Figure 2: the bound over training, AEVB against wake-sleep, for the paper's numbers of latents.

    python examples/aevb/figure_2.py --data mnist
    python examples/aevb/figure_2.py --data frey

Every curve is kept when it is done: a command that was cut goes on with the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

import paper

LOW = {"mnist": -200.0, "frey": 0.0}  # nats a row, where the vertical axis begins
TITLES = {"mnist": "MNIST, 500 hidden units", "frey": "Frey faces, 200 hidden units"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = paper.parser(__doc__, rows=1_000_000)
    parser.add_argument("--data", choices=paper.DATA, required=True, help="the data set")
    parser.add_argument("--latents", type=int, nargs="+", help="numbers of latents [the paper's]")
    options = parser.parse_args(arguments)
    data = paper.DATA[options.data](options.folder)
    sizes = options.latents or data.latents
    title = f"The bound over training: {TITLES[data.name]}"
    figure, axes = paper.panels([f"{size} latents" for size in sizes], title, "bound, nats per row")
    curves = []
    for size, panel in zip(sizes, axes, strict=True):
        for method in paper.METHODS:
            curves.append(paper.learned(data, method, size, options)[0])
            paper.draw(panel, curves[-1])
    paper.finish(figure, list(paper.METHODS), LOW[data.name])
    paper.kept(figure, curves, options, f"figure-2-{data.name}")


if __name__ == "__main__":
    main()
