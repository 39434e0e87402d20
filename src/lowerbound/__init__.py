"""lowerbound: variational auto-encoders whose numbers can be trusted."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The public index: name → module. Nothing is imported until a name is used.
_INDEX = {
    "Bernoulli": "families.discrete",
    "BetaBinomial": "families.counts",
    "Binomial": "families.counts",
    "Categorical": "families.discrete",
    "Conditional": "conditional",
    "ConvDecoder": "convolution",
    "ConvEncoder": "convolution",
    "Convolution": "convolution",
    "Dequantization": "data.transforms",
    "DiagonalGaussian": "families.gaussian",
    "Draw": "model",
    "DynamicBinarization": "data.transforms",
    "ELBO": "objectives",
    "Evidence": "evidence",
    "Fixed": "leaves",
    "FixedScale": "families.location_scale",
    "FullGaussian": "families.gaussian",
    "Heteroscedastic": "families.location_scale",
    "IWAE": "objectives",
    "Identity": "data.transforms",
    "LearnedPrior": "priors",
    "LearnedScale": "families.location_scale",
    "LowRankGaussian": "families.gaussian",
    "MLP": "networks",
    "Result": "training.loop",
    "StandardNormal": "priors",
    "Standardization": "data.transforms",
    "Standardized": "networks",
    "StaticBinarization": "data.transforms",
    "Threshold": "data.transforms",
    "TrainingWarning": "training.loop",
    "TransposedConvolution": "convolution",
    "VAE": "model",
    "VariationalAutoencoder": "estimator",
    "decode": "inference",
    "encode": "inference",
    "fit": "training.loop",
    "kl_divergence": "families.divergence",
    "load": "store",
    "log_evidence": "evidence",
    "reconstruct": "inference",
    "sample": "inference",
    "save": "store",
    "trainable": "leaves",
}

# Modules whose functions are called by the module's name, as lb.figures.samples(…).
_MODULES = ("figures",)

__all__ = [*_INDEX, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"lowerbound.{name}")
    if name not in _INDEX:
        raise AttributeError(f"module 'lowerbound' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lowerbound.{_INDEX[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
