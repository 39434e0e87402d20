"""What is said of the model that is served."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import lowerbound
from lowerbound.archive.records import as_json
from lowerbound.models.described import described
from lowerbound.serve.service import Service

__all__ = ["card"]


def card(service: Service) -> Mapping[str, Any]:
    """The model's card: its name, columns, parts, what was measured of it, with errors, and how it came
    about; no path of the machine that it is served from."""
    run, schema = service.run, service.schema
    event = service.model.event()
    columns = [
        {
            **{"name": column.name, "kind": column.kind, "words": column.words},
            "levels": None if column.levels is None else list(column.levels),
            **{"low": _plain(column.low), "high": _plain(column.high), "encoded": column.encoded},
        }
        for column in (() if schema is None else schema.columns)
    ]
    provenance = None
    if run.provenance is not None:
        told = run.provenance
        provenance = {
            "data": {**as_json(told.data), "source": PurePath(told.data.source).name, "reading": None},
            "split": as_json(told.split),
            **{"seed": told.seed, "stopped": told.stopped, "best_step": told.best_step},
        }
    image = service.image_shape
    return {
        "name": service.name,
        "form": "array" if schema is None else schema.form,
        "numeric": schema is None or schema.numeric,
        "rows_are": "records" if service.form.names is not None else "lists",
        "columns": columns,
        "width": len(columns) or service.width,
        "parts": dict(described(service.model)),
        "latent_dim": service.latent_dim,
        "image_shape": None if image is None else list(image),
        "measure": event.measure,
        "evidence": None if run.metrics is None else _evidence(as_json(run.metrics)),
        "calibration_rows": 0 if service.calibration is None else len(service.calibration),
        "provenance": provenance,
        "versions": {
            "lowerbound": lowerbound.__version__,
            "trained_with": {} if run.provenance is None else dict(run.provenance.versions),
        },
    }


def _evidence(metrics: dict[str, Any]) -> dict[str, Any]:
    """What was measured on held-out rows, less lists of their numbers."""
    metrics["rows_not_finite"] = len(metrics["rows_not_finite"])
    return metrics


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
