// Coordinates c of a code z = origin + Σ c[k] axes[k].

export class Basis {
  constructor({ name, origin, axes, names, ends }) {
    Object.assign(this, { name, origin, axes, names, ends, dims: origin.length });
  }

  code(coordinates) {
    const z = this.origin.slice();
    for (let k = 0; k < this.dims; k++) for (let j = 0; j < this.dims; j++) z[j] += coordinates[k] * this.axes[k][j];
    return z;
  }

  coordinates(z) {
    return this.axes.map((axis) => axis.reduce((sum, entry, j) => sum + entry * (z[j] - this.origin[j]), 0));
  }

  // The code of coordinates of which two are others.
  at(coordinates, across, up, x, y) {
    const other = coordinates.slice();
    if (this.dims > 1) other[up] = y;
    other[across] = x;
    return this.code(other);
  }

  // The code's change along one axis.
  step(axis, length) {
    return axis < this.dims ? this.axes[axis].map((entry) => entry * length) : this.origin.map(() => 0);
  }
}
