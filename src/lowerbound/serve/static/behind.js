// Behind the points: what the model decodes all over the plane, images as a mosaic, a column of a table as a field
// of its colours. It is decoded anew when the plane rests, and moves with it meanwhile.

import { ask, askNumbers } from "./api.js";
import { colour, ramp, stops } from "./colours.js";
import { Newest } from "./newest.js";
import { cellsOf } from "./rows.js";

const CELL = { images: 40, field: 20 }; // pixels, about

export class Behind {
  constructor(canvas, scene, images, failed) {
    Object.assign(this, { canvas, scene, images, shown: true, column: null, legend: null, held: null });
    this.gap = images ? Math.max(2, images.width >> 3) : 0; // pixels between two images
    this.screen = document.createElement("canvas");
    this.newest = new Newest((lattice) => this.decode(lattice), failed);
  }

  // All that is seen, in cells, of which the grid allows so many a side.
  refresh(view, basis, coordinates, across, up, done) {
    if (!this.shown || view.width < 2 || (this.scene.form !== "images" && this.column === null)) return done();
    const { images, scene } = this;
    const shape = scene.form === "images" ? (images.height + this.gap) / (images.width + this.gap) : 1;
    const least = Math.max(view.width, view.height / shape) / (scene.limits.grid - 1);
    const wide = Math.max(scene.form === "images" ? Math.max(CELL.images, images.width) : CELL.field, least) / view.scale;
    const high = wide * shape;
    const [left, bottom] = view.toPlane(0, view.height);
    const [right, top] = view.toPlane(view.width, 0);
    const [i, j] = [Math.floor(left / wide), Math.floor(bottom / high)];
    this.newest.ask({
      asked: {
        corner: basis.at(coordinates, across, up, (i + 0.5) * wide, (j + 0.5) * high),
        right: basis.step(across, wide),
        up: basis.step(up, high),
        width: Math.min(Math.ceil(right / wide) - i, scene.limits.grid),
        height: Math.min(Math.ceil(top / high) - j, scene.limits.grid),
      },
      at: [i * wide, j * high, wide, high],
      done,
    });
  }

  async decode({ asked, at: [x, y, wide, high], done }) {
    const { width: columns, height: rows } = asked;
    const { column, scene } = this;
    const table = scene.form === "table";
    const decoded = table ? (await ask("grid", asked)).rows : await askNumbers("grid", asked);
    if (scene.form === "images") this.paint(decoded.values, columns, rows);
    else if (column !== null) {
      const value = table ? (n) => cellsOf(decoded[n], scene.columns)[column] : (n) => decoded.values[n * decoded.width + column];
      this.colour(value, columns, rows);
    }
    this.held = { x, y, wide: wide * columns, high: high * rows, decoded: [decoded, columns, rows] };
    done();
  }

  paint(values, columns, rows) {
    const { screen, images } = this;
    const [wide, high] = [images.width + this.gap, images.height + this.gap];
    const context = this.sized(columns * wide, rows * high);
    const data = context.createImageData(screen.width, screen.height);
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const at = ((rows - 1 - j) * high + (this.gap >> 1)) * screen.width + i * wide + (this.gap >> 1);
        images.write(values, (j * columns + i) * images.size, data.data, at, screen.width);
      }
    }
    context.putImageData(data, 0, 0);
  }

  colour(value, columns, rows) {
    const context = this.sized(columns, rows);
    const data = context.createImageData(columns, rows);
    const { legend } = this;
    const [between, other] = [stops(), colour("other")];
    const classes = legend.kind === "classes" ? new Map(legend.names.map((name, i) => [name, colour(`class-${i}`)])) : null;
    const [low, high] = (legend.ends || [0, 1]).map(asNumber);
    for (let n = 0; n < columns * rows; n++) {
      const cell = value(n);
      const channels = classes ? classes.get(String(cell)) || other : ramp(between, (asNumber(cell) - low) / (high - low || 1));
      const to = 4 * ((rows - 1 - Math.floor(n / columns)) * columns + (n % columns));
      for (let c = 0; c < 3; c++) data.data[to + c] = channels[c];
      data.data[to + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  sized(width, height) {
    Object.assign(this.screen, { width, height });
    return this.screen.getContext("2d");
  }

  forget() {
    this.held = null;
  }

  draw(view, ratio, moving) {
    const { canvas, held } = this;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!held || !this.shown) return;
    const [left, top] = view.toScreen(held.x, held.y + held.high);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = moving ? "low" : "high";
    context.globalAlpha = this.scene.form === "images" ? 0.36 : 0.3;
    const size = [held.wide, held.high].map((length) => length * view.scale * ratio);
    context.drawImage(this.screen, left * ratio, top * ratio, ...size);
  }
}

// Dates are compared as such.
const asNumber = (value) => (typeof value === "string" ? Date.parse(value) : Number(value));
