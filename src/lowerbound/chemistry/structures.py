"""The drawing of a molecule: lines and areas in a plane, each of the ink of its atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args
from xml.etree import ElementTree

from lowerbound.data.molecules import molecule_of, rdkit

__all__ = ["ATOMS", "Ink", "Line", "Structure", "structure_of"]

Ink = Literal["ink", "nitrogen", "oxygen", "halogen"]

# Larger ones are not drawn: laying them out takes long, and no one could read it.
ATOMS = 200
# Pixels of a bond and of a line, and how many drawings are kept.
_BOND, _LINE, _KEPT = 22.0, 1.6, 4096

_SVG = "{http://www.w3.org/2000/svg}"
# Colours that RDKit draws in, which stand for the inks and no more.
_MARKS: dict[Ink, tuple[float, float, float]] = {
    "ink": (0, 0, 0),
    "nitrogen": (0, 0, 1),
    "oxygen": (1, 0, 0),
    "halogen": (0, 1, 0),
}
_INKS: dict[str, Ink] = {
    "#" + "".join(f"{round(255 * part):02X}" for part in mark): ink for ink, mark in _MARKS.items()
}
_ATOMS: dict[Ink, tuple[int, ...]] = {"nitrogen": (7,), "oxygen": (8,), "halogen": (9, 17, 35, 53)}


class Line(NamedTuple):
    """A path in the words of SVG, `M x,y L x,y …`, of an ink, drawn `wide` pixels, or filled, where it is
    0 wide."""

    ink: Ink
    wide: float
    path: str


@dataclass(frozen=True)
class Structure:
    """A drawn molecule: so `wide` and so `high` in pixels, y downwards, every bond of the same length."""

    wide: int
    high: int
    lines: tuple[Line, ...]

    def to_json(self) -> dict[str, Any]:
        """As a page takes it."""
        return {"wide": self.wide, "high": self.high, "lines": [list(line) for line in self.lines]}


@lru_cache(_KEPT)
def structure_of(smiles: str) -> Structure | None:
    """How RDKit draws a molecule; None of what is none, and of one of more than 200 atoms.

    **Raises:** `ImportError` without `lowerbound[molecules]`.

    >>> water = structure_of("O")
    >>> {line.ink for line in water.lines}, structure_of("C(C")
    ({'oxygen'}, None)
    """
    molecule = molecule_of(smiles)
    if molecule is None or molecule.GetNumAtoms() > ATOMS:
        return None
    drawn = ElementTree.fromstring(_svg(molecule))
    paths: dict[tuple[Ink, float], list[str]] = {}
    for path in drawn.iter(f"{_SVG}path"):
        ink, wide, words = _line(path)
        paths.setdefault((ink, wide), []).append(words)
    lines = tuple(Line(*kind, " ".join(words)) for kind, words in paths.items())
    wide, high = (int(drawn.attrib[side].removesuffix("px")) for side in ("width", "height"))
    return Structure(wide, high, lines)


def _svg(molecule: Any) -> str:
    """RDKit's picture, in the colours that stand for inks."""
    with rdkit().rdBase.BlockLogs():
        from rdkit.Chem.Draw import rdMolDraw2D

        drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
        options: Any = drawer.drawOptions()
        options.clearBackground, options.fixedBondLength, options.bondLineWidth = False, _BOND, _LINE
        options.setAtomPalette(
            {-1: _MARKS["ink"], **{atom: _MARKS[ink] for ink in _ATOMS for atom in _ATOMS[ink]}}
        )
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
        drawer.FinishDrawing()
        return str(drawer.GetDrawingText())


def _line(path: ElementTree.Element) -> Line:
    said = dict(re.findall(r"([\w-]+):([^;]+)", path.attrib.get("style", ""))) | path.attrib
    filled = said.get("fill", "none") != "none"
    ink = _INKS.get(said["fill" if filled else "stroke"].upper(), get_args(Ink)[0])
    wide = 0.0 if filled else float(said["stroke-width"].removesuffix("px"))
    return Line(ink, wide, " ".join(said["d"].replace(",", " ").split()))
