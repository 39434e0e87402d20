"""lowerbound: variational auto-encoders whose numbers can be trusted."""

from __future__ import annotations

import importlib
from typing import Any

from lowerbound.parts import TABLE

__version__ = "0.1.0"

# The public index: name → module. Nothing is imported until a name is used.
_INDEX = {row.kind: row.module for row in TABLE if not row.called} | {
    "Advice": "diagnosis.advice",
    "Checkpoint": "training.checkpoint",
    "DataError": "data.errors",
    "Diagnosis": "diagnosis.diagnosis",
    "Draw": "models.draws",
    "Evidence": "evidence.evidence",
    "Factorized": "families.family",
    "Family": "families.family",
    "Imputation": "inference.imputation",
    "Memory": "data.mapped.memory",
    "NAdam": "training.optimizer",
    "Objective": "objectives.objective",
    "Patience": "training.patience",
    "Result": "training.fit",
    "Rows": "data.rows",
    "Sandwich": "evidence.sandwich",
    "Surprise": "anomalies.surprise",
    "SyntheticQuality": "synthetic.quality",
    "TrainingWarning": "training.warning",
    "UniformOnSphere": "distributions.sphere",
    "Verdict": "diagnosis.diagnosis",
    "WarmUp": "objectives.schedules",
    "annealed": "evidence.annealing",
    "compress": "compression.bits_back",
    "conformal_p_values": "conformal",
    "decode": "inference.codes",
    "decompress": "compression.bits_back",
    "diagnose": "diagnosis.diagnose",
    "encode": "inference.codes",
    "evaluate": "workflow",
    "evidence_sandwich": "evidence.sandwich",
    "fit": "training.fit",
    "fit_baselines": "baselines.fit",
    "flag": "conformal",
    "impute": "inference.imputation",
    "imputed": "inference.imputation",
    "kl_divergence": "distributions.divergence",
    "load": "runs",
    "log_evidence": "evidence.ladder",
    "open_rows": "data.sources.encoded",
    "p_values": "anomalies.p_values",
    "paired_difference": "statistics",
    "read": "data.sources.source",
    "reconstruct": "inference.codes",
    "refined_posterior": "evidence.posterior",
    "report": "workflow",
    "sample": "inference.sampling",
    "save": "archive.store",
    "search": "searching.search",
    "surprise": "anomalies.surprise",
    "synthetic_quality": "synthetic.quality",
    "trainable": "leaves",
}

# Modules whose functions are called by the module's name, as lb.figures.samples(…).
_MODULES = ("cluster", "figures", "serve", "training")

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
