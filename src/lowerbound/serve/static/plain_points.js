// Points without a graphics card: counted in cells of the canvas where they are many.

import { Cloud, MANY } from "./cloud.js";

const CELL = { still: 1, moving: 2 }; // pixels of the page

export class PlainPoints extends Cloud {
  constructor(canvas) {
    super(canvas, MANY * 4);
    this.cells = document.createElement("canvas");
    this.disc = document.createElement("canvas");
  }

  draw(view, ratio, moving) {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.count === 0 || !this.paletted) return;
    if (this.count > MANY) this.drawDensity(context, view, this.drawable(moving), moving ? CELL.moving : CELL.still);
    else this.drawDiscs(context, view, ratio, moving ? Math.min(this.count, 4000) : this.count);
  }

  // One picture of a disc for each colour.
  drawDiscs(context, view, ratio, count) {
    const { placed, coloured, paletted } = this;
    const size = Math.ceil(this.diameter * ratio) + 2;
    const discs = new Map();
    context.globalAlpha = this.count > 4000 ? 0.7 : 0.88;
    for (let i = 0; i < count; i++) {
      const value = coloured ? coloured[i] : 0;
      if (paletted[4 * value + 3] === 0) continue;
      if (!discs.has(value)) discs.set(value, disc(paletted, value, size, (this.diameter * ratio) / 2));
      const left = ((placed[2 * i] - view.x) * view.scale + view.width / 2) * ratio;
      const top = (view.height / 2 - (placed[2 * i + 1] - view.y) * view.scale) * ratio;
      if (left > -size && top > -size && left < this.canvas.width + size && top < this.canvas.height + size) {
        context.drawImage(discs.get(value), left - size / 2, top - size / 2);
      }
    }
    context.globalAlpha = 1;
  }

  drawDensity(context, view, count, cell) {
    const [width, height] = [Math.ceil(view.width / cell), Math.ceil(view.height / cell)];
    const sums = this.sums(width, height);
    this.add(sums, width, height, view, count, cell);
    const data = this.shade(sums, width * height, this.solidity(view, count, cell));
    Object.assign(this.cells, { width, height });
    this.cells.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.cells, 0, 0, this.canvas.width, this.canvas.height);
  }

  // Red, green, blue, and how many, a cell each; the same memory as long as it is large enough.
  sums(width, height) {
    if (!this.summed || this.summed.length < 4 * width * height) {
      this.summed = new Float32Array(4 * width * height);
      this.shaded = new Uint8ClampedArray(4 * width * height);
    } else this.summed.fill(0);
    return this.summed;
  }

  add(sums, width, height, { x, y, scale, width: wide, height: high }, count, cell) {
    const { placed, coloured, paletted } = this;
    const factor = scale / cell;
    const [left, top] = [wide / 2 / cell - x * factor, high / 2 / cell + y * factor];
    for (let i = 0; i < count; i++) {
      const across = placed[2 * i] * factor + left;
      const down = top - placed[2 * i + 1] * factor;
      if (across < 0 || down < 0 || across >= width || down >= height) continue;
      const colour = 4 * (coloured ? coloured[i] : 0);
      if (paletted[colour + 3] === 0) continue;
      const at = 4 * ((down | 0) * width + (across | 0));
      sums[at] += paletted[colour];
      sums[at + 1] += paletted[colour + 1];
      sums[at + 2] += paletted[colour + 2];
      sums[at + 3] += 1;
    }
  }

  // The mean colour of a cell, more solid where more points lie.
  shade(sums, cells, solidity) {
    const data = this.shaded.subarray(0, 4 * cells);
    for (let at = 0; at < 4 * cells; at += 4) {
      const n = sums[at + 3];
      if (n === 0) {
        data[at + 3] = 0;
        continue;
      }
      data[at] = sums[at] / n;
      data[at + 1] = sums[at + 1] / n;
      data[at + 2] = sums[at + 2] / n;
      data[at + 3] = 60 + 195 * (1 - Math.exp(-solidity * n));
    }
    return data;
  }
}

function disc(colours, value, size, radius) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: size, height: size });
  const context = canvas.getContext("2d");
  context.fillStyle = `rgb(${colours.subarray(4 * value, 4 * value + 3).join(" ")})`;
  context.arc(size / 2, size / 2, radius, 0, 2 * Math.PI);
  context.fill();
  return canvas;
}
