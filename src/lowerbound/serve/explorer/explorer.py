"""What the page is sent of a service: computed once it is asked for, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from lowerbound.chemistry.structures import structure_of
from lowerbound.serve.errors import Refused
from lowerbound.serve.explorer.bases import Basis
from lowerbound.serve.explorer.colours import Colouring
from lowerbound.serve.explorer.contours import contours
from lowerbound.serve.explorer.latents import Latents
from lowerbound.serve.explorer.scene import Scene
from lowerbound.serve.limits import Limits
from lowerbound.serve.service import Service

__all__ = ["STRUCTURES", "Explorer"]

# So many seconds codes are waited for before the page is told to ask again.
_PATIENCE = 8.0
# The most structures of an answer, and letters of each.
STRUCTURES, _LETTERS = 64, 1000


class Explorer:
    """The explorer of a service: `scene`, and the `latents` of its rows, which are computed in a thread from
    the first question on."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.service, self.limits = service, limits
        self.scene = Scene.of(service)
        self._colourings: dict[str, Colouring] = {}
        # One that the interpreter waits for when it ends: a thread that is cut off within XLA aborts.
        self._thread = ThreadPoolExecutor(1, "codes")

    @cached_property
    def _computed(self) -> Future[Latents]:
        return self._thread.submit(Latents.of_service, self.service, most=self.limits.points)

    @property
    def latents(self) -> Latents:
        """The codes, and draws of the prior, which are waited for a few seconds.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where they take longer.
        """
        try:
            return self._computed.result(_PATIENCE)
        except TimeoutError:
            raise Refused("starting", "The codes of the rows are being computed.") from None

    def document(self) -> dict[str, Any]:
        """All that the page must know to begin."""
        limits = {name: getattr(self.limits, name) for name in ("grid", "rows", "samples")}
        latents = self.latents
        bases = [basis.to_json() for basis in latents.bases.values()]
        return {**self.scene.to_json(), "bases": bases, "points": len(latents.codes), "limits": limits}

    def points(self, basis: str, across: int, up: int) -> Float[np.ndarray, "n 2"]:
        """Where the codes lie in a plane, float32."""
        return self._basis(basis, across, up).plane(self.latents.codes, across, up)

    def contours(self, basis: str, across: int, up: int) -> dict[str, Any]:
        """Where half and nine tenths of the aggregate posterior and of the prior lie in a plane."""
        found, chosen = self.latents, self._basis(basis, across, up)
        if found.prior.shape[1] == 1:
            return {}
        draws = {"prior": found.prior, "posterior": found.posterior}
        return {
            name: [
                {"share": contour.share, "lines": [line.round(4).tolist() for line in contour.lines]}
                for contour in contours(chosen.plane(z, across, up))
            ]
            for name, z in draws.items()
        }

    def colouring(self, key: str) -> Colouring:
        """What points are coloured by."""
        if key not in self._colourings:
            values = self.scene.values_of(key, self.latents.order)
            if values is None:
                known = ", ".join(each["key"] for each in self.scene.colourings[:8]) or "none"
                raise Refused("not_found", f"there is no colouring {key!r}", "key", f"one of {known}", key)
            self._colourings[key] = Colouring.of(values)
        return self._colourings[key]

    def values(self, key: str) -> UInt8[np.ndarray, " n"]:
        """The byte of each point."""
        return self.colouring(key).values

    def row(self, place: int) -> dict[str, Any]:
        """The row of a point, as requests have it."""
        order, source = self.latents.order, self.service.source
        if source is None or not 0 <= place < len(order):
            expected = f"a point below {len(order)}"
            raise Refused("not_found", f"expected {expected}, found {place}", "place", expected, str(place))
        number = int(order[place])
        (row,) = self.service.table(np.asarray(source.x[number : number + 1], float)).json()
        return {"number": number, "row": row.tolist() if isinstance(row, np.ndarray) else row}

    def structures(self, smiles: Sequence[str]) -> list[dict[str, Any] | None]:
        """How molecules are drawn, for pages that ask by their SMILES; null of what is none, and of one that
        is too large."""
        if not 0 < len(smiles) <= STRUCTURES or any(len(each) > _LETTERS for each in smiles):
            expected = f"1 to {STRUCTURES} SMILES of at most {_LETTERS:,} letters each"
            raise Refused("out_of_range", f"smiles: expected {expected}", "smiles", expected, None)
        drawn = (structure_of(each) for each in smiles)
        return [None if each is None else each.to_json() for each in drawn]

    def _basis(self, name: str, across: int, up: int) -> Basis:
        """The coordinates of this name, which have these two axes."""
        found = self.latents.bases.get(name)
        if found is None:
            known = ", ".join(self.latents.bases)
            raise Refused("out_of_range", f"basis: expected one of {known}", "basis", known, name)
        most = max(len(found.names), 2)
        for field, axis in (("across", across), ("up", up)):
            if not 0 <= axis < most:
                expected = f"0 to {most - 1}"
                raise Refused("out_of_range", f"{field}: expected {expected}, found {axis}", field, expected)
        return found
