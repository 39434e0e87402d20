"""Properties of a molecule, each a function of its SMILES."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from lowerbound.data.molecules import molecule_of, rdkit

__all__ = ["PROPERTIES", "WORDS", "property_of"]


def _weight(molecule: Any) -> float:
    return float(_chem().Descriptors.MolWt(molecule))


def _logp(molecule: Any) -> float:
    """The logarithm of the partition between octanol and water, by atoms (Wildman and Crippen 1999)."""
    return float(_chem().Crippen.MolLogP(molecule))


def _qed(molecule: Any) -> float:
    """How like a drug, from 0 to 1 (Bickerton et al. 2012)."""
    return float(_chem().QED.qed(molecule))


def _sa(molecule: Any) -> float:
    """How hard to make, from 1, easy, to 10 (Ertl and Schuffenhauer 2009)."""
    return float(_scorer().calculateScore(molecule))


def _penalty(molecule: Any) -> int:
    """By how many atoms the largest ring exceeds six."""
    largest = max(map(len, molecule.GetRingInfo().AtomRings()), default=0)
    return max(0, largest - 6)


def _penalised_logp(molecule: Any) -> float:
    """logP − SA − the penalty of rings, each as it is."""
    return _logp(molecule) - _sa(molecule) - _penalty(molecule)


# Mean and standard deviation of each over the 250,000 molecules of ZINC, as published with the grammar VAE
# (Kusner et al. 2017) and used since by JT-VAE and GCPN, whose numbers they make comparable.
_LOGP, _SA, _RINGS = (
    (2.4570953396190123, 1.434324401111988),
    (3.0525811293166134, 0.8335207024513095),
    (0.0485696876403053, 0.2860212110245455),
)


def _standardised(molecule: Any) -> float:
    """logP − SA − the penalty of rings, each less its mean over ZINC, by its standard deviation."""
    values = _logp(molecule), _sa(molecule), _penalty(molecule)
    logp, sa, rings = ((x - m) / s for x, (m, s) in zip(values, (_LOGP, _SA, _RINGS), strict=True))
    return logp - sa - rings


def _of_smiles(of_molecule: Callable[[Any], float]) -> Callable[[str], float]:
    def measured(smiles: str) -> float:
        molecule = molecule_of(smiles)
        return math.nan if molecule is None else of_molecule(molecule)

    measured.__doc__ = of_molecule.__doc__
    return measured


# By name, of a SMILES: NaN of what is no molecule, `ImportError` without `lowerbound[molecules]`.
PROPERTIES: dict[str, Callable[[str], float]] = {
    "logp": _of_smiles(_logp),
    "qed": _of_smiles(_qed),
    "sa": _of_smiles(_sa),
    "weight": _of_smiles(_weight),
    "penalised-logp": _of_smiles(_penalised_logp),
    "penalised-logp-standardised": _of_smiles(_standardised),
}

# What a reader is told each is.
WORDS: dict[str, str] = {
    "logp": "logP",
    "qed": "QED",
    "sa": "SA score",
    "weight": "weight",
    "penalised-logp": "logP − SA score − atoms of the largest ring above six",
    "penalised-logp-standardised": "penalised logP, each part standardised over ZINC",
}


def property_of(name: str, smiles: Iterable[str]) -> Float[np.ndarray, " n"]:
    """A property of each of some SMILES, NaN of what is no molecule.

    **Raises:** `ValueError` for a name that is none of [`PROPERTIES`][lowerbound.chemistry.properties];
    `ImportError` without `lowerbound[molecules]`.

    >>> property_of("weight", ["C", "OCC", "C(C"]).round(3)
    array([16.043, 46.069,    nan])
    """
    if name not in PROPERTIES:
        raise ValueError(f"property: expected one of {', '.join(PROPERTIES)}, found {name!r}")
    return np.fromiter(map(PROPERTIES[name], smiles), float)


@cache
def _chem() -> Any:
    """RDKit's `Chem` with the modules that are used of it here, which it does not import by itself."""
    package = rdkit()
    from rdkit.Chem import QED, Crippen, Descriptors  # noqa: F401

    return package.Chem


def _scorer() -> Any:
    """RDKit's own module of the SA score, among what its wheels hold from its contributors."""
    rdkit()
    from rdkit.Contrib.SA_Score import sascorer

    return sascorer
