"""Every row of six bits, and the families of a model of them."""

from itertools import product

import numpy as np

import lowerbound as lb

PIXELS, LATENT = lb.Bernoulli(6), lb.DiagonalGaussian(2)
CUBE = np.asarray(list(product((0, 1), repeat=6)), np.uint8)
