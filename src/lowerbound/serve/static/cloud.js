// Up to a million points: discs where they are few, their density where they are many. While the plane moves a
// fair part of them is drawn, as many as keep it fluent; the points come in a random order.

export const MANY = 20_000; // more points are shown as a density
const [FLUENT, SLOW] = [24, 36]; // milliseconds a frame

export class Cloud {
  // While the plane moves, at first so many are drawn.
  constructor(canvas, budget) {
    Object.assign(this, { canvas, count: 0, spread: 1, budget, least: budget / 6 });
  }

  // Positions x, y, x, y, …
  place(positions) {
    this.placed = positions;
    this.count = positions.length / 2;
    this.spread = spread(positions);
  }

  // A byte for each point, and the colours of the 256.
  paint(values, colours) {
    this.coloured = values;
    this.recolour(colours);
  }

  recolour(colours) {
    this.paletted = colours;
  }

  // How long a frame took while the plane moved.
  took(milliseconds) {
    if (milliseconds > SLOW) this.budget = Math.max(this.least, this.budget * 0.75);
    else if (milliseconds < FLUENT) this.budget = Math.min(Math.max(this.count, this.least), this.budget * 1.15);
  }

  drawable(moving) {
    return Math.floor(moving ? Math.min(this.count, this.budget) : this.count);
  }

  // Of a disc, in pixels of the page.
  get diameter() {
    return Math.min(Math.max(170 / Math.sqrt(this.count), 3.2), 8);
  }

  // Where points lie as dense as in the middle of all, so many to a cell, two thirds of it are covered.
  solidity(view, count, cell) {
    return Math.min((this.spread * (view.scale / cell) ** 2) / count, 1);
  }
}

// The area in which most of the points lie, 4π σ σ, by the first of them.
function spread(positions) {
  const n = Math.min(positions.length / 2, MANY);
  if (n < 2) return 1;
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < 2 * n; i++) {
    sums[i % 2] += positions[i];
    sums[2 + (i % 2)] += positions[i] ** 2;
  }
  const deviation = (k) => Math.sqrt(Math.max(sums[2 + k] / n - (sums[k] / n) ** 2, 1e-12));
  return 4 * Math.PI * deviation(0) * deviation(1);
}
