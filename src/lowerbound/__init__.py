"""lowerbound: variational auto-encoders whose numbers can be trusted."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The public index: name → module. Nothing is imported until a name is used.
_INDEX = {
    "Advice": "diagnosis.advice",
    "AutoregressiveFlow": "families.flows",
    "Bernoulli": "families.discrete",
    "Beta": "families.implicit",
    "BetaBinomial": "families.counts",
    "Binomial": "families.counts",
    "CIWAE": "objectives.bounds",
    "Categorical": "families.discrete",
    "Cauchy": "families.inverse_cdf",
    "ChainPosterior": "models.chains",
    "ChainPrior": "models.chains",
    "Concrete": "families.relaxed",
    "Conditional": "models.conditional",
    "ContinuousBernoulli": "families.images",
    "ConvDecoder": "networks.convolution",
    "ConvEncoder": "networks.convolution",
    "Convolution": "networks.convolution",
    "CouplingFlow": "families.flows",
    "DataError": "data.errors",
    "Dequantization": "models.transforms",
    "Diagnosis": "diagnosis.diagnosis",
    "DiagonalGaussian": "families.gaussian",
    "Dirichlet": "families.implicit",
    "DiscretizedLogistic": "families.images",
    "DiscretizedLogisticMixture": "families.images",
    "DoublyReparameterized": "objectives.gradients",
    "Draw": "models.vae",
    "DynamicBinarization": "models.transforms",
    "ELBO": "objectives.bounds",
    "Enumeration": "objectives.gradients",
    "Evidence": "evidence.importance",
    "ExactPosterior": "models.posteriors",
    "Exponential": "families.inverse_cdf",
    "Factorized": "families.family",
    "Family": "families.family",
    "Fixed": "leaves",
    "FixedScale": "families.location_scale",
    "FullGaussian": "families.gaussian",
    "Gamma": "families.implicit",
    "Gumbel": "families.inverse_cdf",
    "Heteroscedastic": "families.location_scale",
    "IWAE": "objectives.bounds",
    "Identity": "models.transforms",
    "InverseCDF": "families.inverse_cdf",
    "Kumaraswamy": "families.inverse_cdf",
    "Laplace": "families.location_scale",
    "Leading": "networks.mlp",
    "LearnedPrior": "models.priors",
    "LearnedScale": "families.location_scale",
    "LogNormal": "families.transformed",
    "Logistic": "families.inverse_cdf",
    "LogitNormal": "families.transformed",
    "LowRankGaussian": "families.gaussian",
    "MIWAE": "objectives.bounds",
    "MLP": "networks.mlp",
    "MaskedAutoregressiveFlow": "families.flows",
    "MaximumMeanDiscrepancy": "objectives.penalties",
    "MixedColumns": "families.columns",
    "MixturePrior": "models.priors",
    "NegativeBinomial": "families.counts",
    "Objective": "objectives.bounds",
    "OneHot": "networks.mlp",
    "PIWAE": "objectives.bounds",
    "Pareto": "families.inverse_cdf",
    "Poisson": "families.counts",
    "PowerSpherical": "families.sphere",
    "Rayleigh": "families.inverse_cdf",
    "RelaxedBernoulli": "families.relaxed",
    "Renyi": "objectives.bounds",
    "Reparameterized": "objectives.gradients",
    "Result": "training.fit",
    "ReweightedWakeSleep": "objectives.wake_sleep",
    "Rows": "data.rows",
    "Sandwich": "evidence.sandwich",
    "ScoreFunction": "objectives.gradients",
    "StandardNormal": "models.priors",
    "StandardPrior": "models.priors",
    "Standardization": "models.transforms",
    "Standardized": "networks.mlp",
    "StaticBinarization": "models.transforms",
    "StickingTheLanding": "objectives.gradients",
    "StudentT": "families.location_scale",
    "Threshold": "models.transforms",
    "TotalCorrelation": "objectives.penalties",
    "TrainingWarning": "training.fit",
    "Transformed": "families.transformed",
    "TransposedConvolution": "networks.convolution",
    "Uniform": "families.location_scale",
    "UniformCodes": "models.priors",
    "UniformOnSphere": "distributions.sphere",
    "UniformSphere": "models.priors",
    "VAE": "models.vae",
    "VampPrior": "models.priors",
    "VariationalAutoencoder": "estimator",
    "Verdict": "diagnosis.diagnosis",
    "WakeSleep": "objectives.wake_sleep",
    "Weibull": "families.inverse_cdf",
    "ZeroInflatedNegativeBinomial": "families.counts",
    "annealed": "evidence.annealing",
    "decode": "inference.use",
    "diagnose": "diagnosis.diagnose",
    "encode": "inference.use",
    "evidence_sandwich": "evidence.sandwich",
    "fit": "training.fit",
    "impute": "inference.use",
    "kl_divergence": "distributions.divergence",
    "load": "archive.store",
    "log_evidence": "evidence.importance",
    "reconstruct": "inference.use",
    "sample": "inference.use",
    "save": "archive.store",
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
