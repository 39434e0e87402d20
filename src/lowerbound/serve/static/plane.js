// The plane: its layers, and what a mouse, a finger or a pen does to it.

import { Overlay } from "./overlay.js";
import { pointsOn } from "./points.js";
import { View } from "./view.js";

const STILL = 140; // milliseconds after which the plane has come to rest
const TAP = 6; // pixels within which a press is no drag

export class Plane {
  // `on` has point(x, y), pick(x, y), leave(), rest() and resize().
  constructor(element, behind, on) {
    Object.assign(this, { element, behind, on, view: new View(), pressed: new Map(), moving: false, frame: 0 });
    this.canvases = [...element.querySelectorAll("canvas")];
    this.points = pointsOn(element.querySelector("#points"));
    this.overlay = new Overlay(element.querySelector("#over"), element.querySelector("#cross"));
    this.marks = { here: [0, 0], a: null, b: null, own: null };
    this.names = ["", ""];
    new ResizeObserver(() => this.resize()).observe(element);
    for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) {
      element.addEventListener(type, (event) => this[type](event));
    }
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of this.canvases) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    Object.assign(this.view, { width, height });
    this.on.resize();
    this.redraw();
  }

  // Draws all at the next frame.
  redraw() {
    this.stale = true;
    this.remark();
  }

  // Draws what is marked alone, which is cheap.
  remark() {
    if (!this.frame) this.frame = requestAnimationFrame((now) => this.draw(now));
  }

  draw(now) {
    this.frame = 0;
    if (this.moving && this.last) this.points.took(now - this.last);
    this.last = this.moving ? now : 0;
    if (this.stale) {
      this.behind.draw(this.view, this.ratio, this.moving);
      this.points.draw(this.view, this.ratio, this.moving);
      this.overlay.draw(this.view, this.names);
    }
    this.stale = false;
    this.overlay.mark(this.view, this.marks);
    this.frames = (this.frames || 0) + 1;
  }

  // The view changed: what is costly waits until it rests.
  moved() {
    this.moving = true;
    this.redraw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.moving = false;
      this.redraw();
      this.on.rest();
    }, STILL);
  }

  pan(right, down) {
    this.view.pan(right, down);
    this.moved();
  }

  zoom(factor, left, top) {
    this.view.zoom(factor, left, top);
    this.moved();
  }

  place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left - this.element.clientLeft, event.clientY - box.top - this.element.clientTop];
  }

  pointerdown(event) {
    if (event.button > 0) return;
    const [left, top] = this.place(event);
    this.pressed.set(event.pointerId, { left, top, first: [left, top], dragged: false });
    this.element.setPointerCapture(event.pointerId);
    if (event.pointerType !== "mouse") this.on.point(...this.view.toPlane(left, top));
  }

  pointermove(event) {
    const [left, top] = this.place(event);
    const press = this.pressed.get(event.pointerId);
    if (!press) return event.pointerType === "mouse" && this.on.point(...this.view.toPlane(left, top));
    const before = [press.left, press.top];
    Object.assign(press, { left, top });
    press.dragged ||= Math.hypot(left - press.first[0], top - press.first[1]) > TAP;
    if (!press.dragged) return;
    if (this.pressed.size === 2) return this.pinch(event.pointerId, before);
    if (event.pointerType === "touch" || event.pointerType === "pen") return this.on.point(...this.view.toPlane(left, top));
    this.element.classList.add("dragged");
    this.pan(left - before[0], top - before[1]);
  }

  // Two fingers: their middle is moved, their distance is the scale.
  pinch(moved, before) {
    const [one, two] = [...this.pressed].map(([id, press]) => [id === moved ? before : [press.left, press.top], [press.left, press.top]]);
    const middle = (i) => [(one[i][0] + two[i][0]) / 2, (one[i][1] + two[i][1]) / 2];
    const apart = (i) => Math.hypot(one[i][0] - two[i][0], one[i][1] - two[i][1]);
    const [was, now] = [middle(0), middle(1)];
    for (const press of this.pressed.values()) press.dragged = true;
    this.view.pan(now[0] - was[0], now[1] - was[1]);
    this.zoom(apart(1) / Math.max(apart(0), 1), ...now);
  }

  pointerup(event) {
    const press = this.pressed.get(event.pointerId);
    this.pressed.delete(event.pointerId);
    this.element.classList.remove("dragged");
    if (press && !press.dragged) this.on.pick(...this.view.toPlane(press.left, press.top));
  }

  pointercancel(event) {
    this.pressed.delete(event.pointerId);
    this.element.classList.remove("dragged");
  }

  pointerleave(event) {
    if (event.pointerType === "mouse" && !this.pressed.size) this.on.leave();
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 500), ...this.place(event));
  }
}
