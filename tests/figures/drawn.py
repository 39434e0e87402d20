"""What the tests of figures share."""

import numpy as np


def canvas(figure):
    return np.ma.filled(np.ma.asarray(figure.axes[0].images[0].get_array(), dtype=float), np.nan)


def history(bounds, validation):
    return [
        {"epoch": epoch, "bound": bound, "validation_bound": validation_bound}
        for epoch, (bound, validation_bound) in enumerate(zip(bounds, validation, strict=True), start=1)
    ]
