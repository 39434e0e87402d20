"""Figure 4: the learned manifolds of MNIST and of Frey faces with two latents.

    python examples/aevb/figure_4.py

The decoder's means over z = Φ⁻¹(u), u on a grid over the unit square: every picture stands for the same mass
of the prior. The models are those of figure 2's curve (of MNIST with two latents, which that figure lacks).
"""

from __future__ import annotations

from collections.abc import Sequence

import paper

import lowerbound as lb


def main(arguments: Sequence[str] | None = None) -> None:
    parser = paper.parser(__doc__, rows=1_000_000)
    parser.add_argument("--side", type=int, default=20, help="pictures a side [20]")
    options = parser.parse_args(arguments)
    for name in paper.DATA:
        data = paper.DATA[name](options.folder)
        found, model = paper.learned(data, "aevb", 2, options)
        decode = lambda z, model=model: lb.decode(model, z)  # noqa: E731
        figure = lb.figures.manifold(decode, data.shape, options.side)
        paper.kept(figure, found, options, f"figure-4-{name}")


if __name__ == "__main__":
    main()
