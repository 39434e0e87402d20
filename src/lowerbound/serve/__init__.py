"""A run as a service: an HTTP API, the Open Inference Protocol, and the explorer, one page on which its
latent space can be walked through; `lowerbound serve DIR` starts it. `lb.serve.Client(url)` calls one, with
the estimator's verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowerbound.lazily import lazily

if TYPE_CHECKING:
    from lowerbound.serve.client import Client

__all__ = ["Client"]

# Nothing is imported until a name is used: what calls a service need not have the packages of one.
_INDEX = {"Client": "client"}

__getattr__ = lazily(__name__, _INDEX)
