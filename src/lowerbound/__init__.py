"""lowerbound: variational auto-encoders whose numbers can be trusted."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The public index: name → module. Nothing is imported until a name is used.
_INDEX = {
    "AutoregressiveFlow": "families.flows",
    "Bernoulli": "families.discrete",
    "Beta": "families.implicit",
    "BetaBinomial": "families.counts",
    "Binomial": "families.counts",
    "CIWAE": "objectives",
    "Categorical": "families.discrete",
    "Cauchy": "families.inverse_cdf",
    "ChainPosterior": "chains",
    "ChainPrior": "chains",
    "Concrete": "families.relaxed",
    "Conditional": "conditional",
    "ContinuousBernoulli": "families.images",
    "ConvDecoder": "convolution",
    "ConvEncoder": "convolution",
    "Convolution": "convolution",
    "CouplingFlow": "families.flows",
    "Dequantization": "data.transforms",
    "Diagnosis": "diagnostics",
    "DiagonalGaussian": "families.gaussian",
    "Dirichlet": "families.implicit",
    "DiscretizedLogistic": "families.images",
    "DiscretizedLogisticMixture": "families.images",
    "DoublyReparameterized": "gradients",
    "Draw": "model",
    "DynamicBinarization": "data.transforms",
    "ELBO": "objectives",
    "Enumeration": "gradients",
    "Evidence": "evidence",
    "ExactPosterior": "posteriors",
    "Exponential": "families.inverse_cdf",
    "Factorized": "families.family",
    "Family": "families.family",
    "Fixed": "leaves",
    "FixedScale": "families.location_scale",
    "FullGaussian": "families.gaussian",
    "Gamma": "families.implicit",
    "Gumbel": "families.inverse_cdf",
    "Heteroscedastic": "families.location_scale",
    "IWAE": "objectives",
    "Identity": "data.transforms",
    "InverseCDF": "families.inverse_cdf",
    "Kumaraswamy": "families.inverse_cdf",
    "Laplace": "families.location_scale",
    "Leading": "networks",
    "LearnedPrior": "priors",
    "LearnedScale": "families.location_scale",
    "LogNormal": "families.transformed",
    "Logistic": "families.inverse_cdf",
    "LogitNormal": "families.transformed",
    "LowRankGaussian": "families.gaussian",
    "MIWAE": "objectives",
    "MLP": "networks",
    "MaskedAutoregressiveFlow": "families.flows",
    "MaximumMeanDiscrepancy": "penalties",
    "MixedColumns": "families.columns",
    "MixturePrior": "priors",
    "NegativeBinomial": "families.counts",
    "Objective": "objectives",
    "OneHot": "networks",
    "PIWAE": "objectives",
    "Pareto": "families.inverse_cdf",
    "Poisson": "families.counts",
    "PowerSpherical": "families.sphere",
    "Rayleigh": "families.inverse_cdf",
    "RelaxedBernoulli": "families.relaxed",
    "Renyi": "objectives",
    "Reparameterized": "gradients",
    "Result": "training.loop",
    "ReweightedWakeSleep": "wake_sleep",
    "Sandwich": "annealing",
    "ScoreFunction": "gradients",
    "StandardNormal": "priors",
    "StandardPrior": "priors",
    "Standardization": "data.transforms",
    "Standardized": "networks",
    "StaticBinarization": "data.transforms",
    "StickingTheLanding": "gradients",
    "StudentT": "families.location_scale",
    "Threshold": "data.transforms",
    "TotalCorrelation": "penalties",
    "TrainingWarning": "training.loop",
    "Transformed": "families.transformed",
    "TransposedConvolution": "convolution",
    "Uniform": "families.location_scale",
    "UniformCodes": "priors",
    "UniformOnSphere": "families.sphere",
    "UniformSphere": "priors",
    "VAE": "model",
    "VampPrior": "priors",
    "VariationalAutoencoder": "estimator",
    "Verdict": "diagnostics",
    "WakeSleep": "wake_sleep",
    "Weibull": "families.inverse_cdf",
    "ZeroInflatedNegativeBinomial": "families.counts",
    "annealed": "annealing",
    "decode": "inference",
    "diagnose": "diagnostics",
    "encode": "inference",
    "evidence_sandwich": "annealing",
    "fit": "training.loop",
    "impute": "inference",
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
