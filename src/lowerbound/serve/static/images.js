// Rows as images: grey as ink on paper or as light, or in colour.

import { colour } from "./colours.js";
import { made } from "./elements.js";

export class Images {
  constructor({ image_shape: [height, width, channels = 1], grey }) {
    Object.assign(this, { height, width, channels, ...grey, size: height * width * channels });
    this.recolour();
  }

  // Ink and paper are those of the page, light those of a photograph.
  recolour() {
    const [from, to] = this.ink ? [colour("paper"), colour("ink")] : [[0, 0, 0], [255, 255, 255]];
    this.greys = Uint8ClampedArray.from({ length: 768 }, (_, i) => from[i % 3] + ((to[i % 3] - from[i % 3]) * Math.floor(i / 3)) / 255);
  }

  canvas(kind = "picture") {
    return made("canvas", { className: kind, width: this.width, height: this.height, role: "img", "aria-label": "an image" });
  }

  // Values from `start` on into `pixels`, RGBA, `stride` pixels a line, from pixel `at` on.
  write(values, start, pixels, at, stride) {
    const { low, high, greys, width, height, channels } = this;
    const factor = 255 / (high - low || 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = start + (y * width + x) * channels;
        const to = 4 * (at + y * stride + x);
        for (let c = 0; c < 3; c++) {
          const level = (values[from + (channels === 3 ? c : 0)] - low) * factor;
          pixels[to + c] = channels === 3 ? level : greys[3 * Math.max(0, Math.min(255, Math.round(level))) + c];
        }
        pixels[to + 3] = 255;
      }
    }
  }

  // A row on a canvas.
  paint(canvas, values, start = 0) {
    const context = canvas.getContext("2d");
    const data = (canvas.data ??= context.createImageData(this.width, this.height));
    this.write(values, start, data.data, 0, this.width);
    context.putImageData(data, 0, 0);
  }

  // Numbers that are ≥ 0 as warmth, a channel summed.
  warm(canvas, values) {
    const [paper, warning] = [colour("paper"), colour("warning")];
    const most = Math.max(3, ...values);
    const context = canvas.getContext("2d");
    const data = context.createImageData(this.width, this.height);
    for (let i = 0; i < this.width * this.height; i++) {
      const t = Math.max(0, Math.min(1, values[i] / most));
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = paper[c] + (warning[c] - paper[c]) * t;
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }
}
