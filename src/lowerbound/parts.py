"""Parts by name: the closed set of parts that a file or an option may name, in kebab-case."""

from __future__ import annotations

import difflib
import re
from typing import Any

import lowerbound

__all__ = ["PARTS", "kebab", "nearest", "part"]


def kebab(name: str) -> str:
    """A class's name as options and files write it.

    >>> kebab("BetaBinomial"), kebab("ELBO"), kebab("StandardNormal")
    ('beta-binomial', 'elbo', 'standard-normal')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


# Only these are made from a file: a name that is not here is refused, whatever Python could import.
PARTS = {
    kebab(name): name
    for name in (
        *("VAE", "Conditional", "Fixed", "MLP", "Standardized"),
        *("ConvEncoder", "ConvDecoder", "Convolution", "TransposedConvolution"),
        *("OneHot", "Leading"),
        *("StandardNormal", "StandardPrior", "LearnedPrior", "MixturePrior", "VampPrior"),
        *("UniformCodes", "UniformSphere"),
        *("ChainPrior", "ChainPosterior", "ExactPosterior"),
        *("DiagonalGaussian", "FullGaussian", "LowRankGaussian"),
        *("Heteroscedastic", "LearnedScale", "FixedScale"),
        *("AutoregressiveFlow", "MaskedAutoregressiveFlow", "CouplingFlow"),
        *("Bernoulli", "Binomial", "BetaBinomial", "Categorical"),
        *("Poisson", "NegativeBinomial", "ZeroInflatedNegativeBinomial", "MixedColumns"),
        *("ContinuousBernoulli", "DiscretizedLogistic", "DiscretizedLogisticMixture"),
        *("Gamma", "Beta", "Dirichlet", "Concrete", "RelaxedBernoulli", "PowerSpherical"),
        *("Laplace", "StudentT", "Uniform", "LogNormal", "LogitNormal"),
        *("InverseCDF", "Exponential", "Weibull", "Rayleigh", "Pareto", "Kumaraswamy"),
        *("Gumbel", "Logistic", "Cauchy"),
        *("Identity", "DynamicBinarization", "StaticBinarization", "Threshold"),
        *("Standardization", "Dequantization"),
    )
}


def part(name: str) -> Any:
    """The class that `name` names.

    **Raises:** `ValueError` with the nearest name.

    >>> part("beta-binomial").__name__
    'BetaBinomial'
    >>> part("beta-binomal")
    Traceback (most recent call last):
    ...
    ValueError: unknown part 'beta-binomal'; the nearest is 'beta-binomial'
    """
    if name not in PARTS:
        raise ValueError(f"unknown part {name!r}; {nearest(name, PARTS)}")
    return getattr(lowerbound, PARTS[name])


def nearest(name: str, known: Any) -> str:
    """What to write in place of `name`: the nearest of `known`, or all of them.

    >>> nearest("elbow", ["elbo", "iwae"])
    "the nearest is 'elbo'"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"the nearest is {close[0]!r}" if close else f"known are {', '.join(sorted(known))}"
