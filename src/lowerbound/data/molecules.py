"""Molecules: SMILES in RDKit's canonical form, and the tokens of SELFIES, of which any sequence is a molecule
(Krenn et al. 2020). Both come with the extra `molecules`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

__all__ = ["canonical", "missing", "molecule_of", "rdkit", "selfies_of", "smiles_of"]

# Molecules whose tokens are kept, since a column is looked at more than once.
_KEPT = 2**18


@lru_cache(_KEPT)
def canonical(smiles: str) -> str | None:
    """A molecule's SMILES as RDKit writes it, whichever way it was written; None of what is no molecule.

    **Raises:** `ImportError` without `lowerbound[molecules]`.

    >>> canonical("OCC"), canonical("C(C"), canonical("")
    ('CCO', None, None)
    """
    molecule = molecule_of(smiles)
    return None if molecule is None else str(rdkit().Chem.MolToSmiles(molecule))


def molecule_of(smiles: str) -> Any:
    """RDKit's molecule of a SMILES; None of what is no molecule, and of one without an atom."""
    package = rdkit()
    with package.rdBase.BlockLogs():
        molecule = package.Chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@lru_cache(_KEPT)
def selfies_of(smiles: str) -> tuple[str, ...] | None:
    """The tokens of a molecule; None of what is none, or is none that SELFIES can say.

    >>> selfies_of("OCC"), selfies_of("what")
    (('[C]', '[C]', '[O]'), None)
    """
    known = canonical(smiles)
    if known is None:
        return None
    selfies = _selfies()
    try:
        return tuple(selfies.split_selfies(selfies.encoder(known)))
    except selfies.EncoderError:
        return None


def smiles_of(tokens: Sequence[str]) -> str:
    """The molecule of some tokens, canonical; empty where they are of no atom.

    >>> smiles_of(["[O]", "[C]", "[=C]", "[F]", "[F]"])       # of fluorine's bonds there is one
    'OC=CF'
    """
    said = str(_selfies().decoder("".join(tokens)))
    return canonical(said) or said


def rdkit() -> Any:
    """RDKit's package, with the modules that are used of it.

    **Raises:** `ImportError` with what installs it.
    """
    try:
        import rdkit.Chem
        import rdkit.rdBase
    except ImportError as error:
        raise missing("rdkit") from error
    return rdkit


def _selfies() -> Any:
    try:
        import selfies
    except ImportError as error:
        raise missing("selfies") from error
    return selfies


def missing(package: str) -> ImportError:
    """The error that says what installs a package that molecules need."""
    return ImportError(f"molecules need {package}: pip install 'lowerbound[molecules]'", name=package)
