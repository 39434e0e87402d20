"""Pictures of a model: what it was trained to, what it makes of data, and where its codes lie. Called as
`lb.figures.samples(…)`.

Every function takes arrays and returns a `matplotlib.figure.Figure`; `save` writes one to a file, `svg`
makes one part of a page. Nothing here touches pyplot or any other global state, so that pictures are drawn
just as well without a screen, in a thread or in a notebook.

Images are (n, ...) in the data's own units, and each row holds an image of `image_shape`, (h, w) or
(h, w, 3). `value_range` is what the two ends of the grey scale `cmap` stand for, by default 0 and the
greatest value. With `image_shape=None` rows are not images: a heat map of rows over columns is drawn, where
each column is standardised. What takes tables (`margins`, `pairs`, `missing`, `kept`) shows their columns by
name and in their own units.
"""

from lowerbound.figures.evidence import k_hat_histogram, kl_per_dimension, rate_distortion
from lowerbound.figures.latents import latent_grid, latent_scatter, manifold
from lowerbound.figures.mosaic import grey_map
from lowerbound.figures.rows import nearest_rows, reconstructions, samples
from lowerbound.figures.saving import ENDINGS, save, svg
from lowerbound.figures.structures import molecules
from lowerbound.figures.style import DPI
from lowerbound.figures.surprise import surprise
from lowerbound.figures.tables import kept, margins, missing, pairs
from lowerbound.figures.training import bound_over_training

__all__ = [
    "DPI",
    "ENDINGS",
    "bound_over_training",
    "grey_map",
    "k_hat_histogram",
    "kept",
    "kl_per_dimension",
    "latent_grid",
    "latent_scatter",
    "manifold",
    "margins",
    "missing",
    "molecules",
    "nearest_rows",
    "pairs",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "surprise",
    "svg",
]
