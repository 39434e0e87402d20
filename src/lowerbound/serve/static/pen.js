// An image that is drawn: with a mouse, a finger or a pen, or cell by cell with keys.

import { made } from "./elements.js";

export class Pen {
  constructor(images, changed) {
    Object.assign(this, { images, changed, cell: [images.height >> 1, images.width >> 1] });
    this.fine = Math.max(4, Math.floor(280 / Math.max(images.height, images.width)));
    this.strokes = made("canvas", { width: images.width * this.fine, height: images.height * this.fine });
    this.small = made("canvas", { width: images.width, height: images.height });
    this.canvas = images.canvas("picture pen");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "Draw here; with keys, arrows move a cell and Space inks it");
    for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.canvas.addEventListener(type, (event) => this[type](event));
    }
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.clear();
  }

  clear() {
    this.hold(new Float32Array(this.images.size).fill(this.images.low));
    this.empty = true;
  }

  // A whole image, over which more can be drawn.
  hold(values) {
    this.base = Float32Array.from(values);
    this.values = this.base.slice();
    this.empty = false;
    this.strokes.getContext("2d").clearRect(0, 0, this.strokes.width, this.strokes.height);
    this.recolour();
  }

  recolour() {
    this.images.paint(this.canvas, this.values);
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left - this.canvas.clientLeft, event.clientY - box.top - this.canvas.clientTop];
    return [(left / this.canvas.clientWidth) * this.strokes.width, (top / this.canvas.clientHeight) * this.strokes.height];
  }

  pointerdown(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.place(event);
    this.line(this.last);
  }

  pointermove(event) {
    if (!this.last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.line(this.place(each));
  }

  pointerup() {
    this.last = null;
  }

  pointercancel() {
    this.last = null;
  }

  line(to) {
    const context = this.strokes.getContext("2d");
    const { width, height } = this.images;
    Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: this.fine * (0.9 + Math.max(width, height) / 20) });
    context.beginPath();
    context.moveTo(...this.last);
    context.lineTo(...to);
    context.stroke();
    this.last = to;
    this.settle();
  }

  key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const { width, height } = this.images;
    if (step) this.cell = [(this.cell[0] + step[0] + height) % height, (this.cell[1] + step[1] + width) % width];
    else if (event.key === " " || event.key === "Enter") {
      this.strokes.getContext("2d").fillRect(this.cell[1] * this.fine, this.cell[0] * this.fine, this.fine, this.fine);
      this.settle();
    } else return;
    event.preventDefault();
    this.recolour();
    this.showCell();
  }

  // The cell of the keys, as a frame.
  showCell() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "rgb(0 140 255 / 0.55)";
    context.fillRect(this.cell[1], this.cell[0], 1, 1);
  }

  // Strokes over the image, each pixel as far as it is covered.
  settle() {
    const { small, base, values, images } = this;
    const context = small.getContext("2d", { willReadFrequently: true });
    Object.assign(context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
    context.clearRect(0, 0, small.width, small.height);
    context.drawImage(this.strokes, 0, 0, small.width, small.height);
    const { data } = context.getImageData(0, 0, small.width, small.height);
    for (let i = 0; i < values.length; i++) {
      const covered = data[4 * Math.floor(i / images.channels) + 3] / 255;
      values[i] = base[i] + covered * (images.high - base[i]);
    }
    this.empty = false;
    this.recolour();
    this.changed();
  }
}
