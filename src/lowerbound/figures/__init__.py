"""Pictures: functions that return a Matplotlib figure, called as `lb.figures.samples(…)`."""

from lowerbound.figures.charts import (
    DPI,
    ENDINGS,
    bound_over_training,
    grey_map,
    k_hat_histogram,
    kl_per_dimension,
    latent_grid,
    latent_scatter,
    manifold,
    nearest_rows,
    rate_distortion,
    reconstructions,
    samples,
    save,
    svg,
)

__all__ = [
    "DPI",
    "ENDINGS",
    "bound_over_training",
    "grey_map",
    "k_hat_histogram",
    "kl_per_dimension",
    "latent_grid",
    "latent_scatter",
    "manifold",
    "nearest_rows",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "svg",
]
