// Which part of the plane is seen: its centre, and so many pixels for a unit; y grows upwards.

export class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 100, width: 1, height: 1 });
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, this.height / 2 - (y - this.y) * this.scale];
  }

  toPlane(left, top) {
    return [(left - this.width / 2) / this.scale + this.x, (this.height / 2 - top) / this.scale + this.y];
  }

  pan(right, down) {
    this.x -= right / this.scale;
    this.y += down / this.scale;
  }

  zoom(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toPlane(left, top);
    this.scale = Math.min(Math.max(this.scale * factor, 1e-3), 1e7);
    const [nowX, nowY] = this.toPlane(left, top);
    this.x += x - nowX;
    this.y += y - nowY;
  }

  // All that lies between these ends.
  fit([left, right], [low, high]) {
    this.x = (left + right) / 2;
    this.y = (low + high) / 2;
    this.scale = Math.min(this.width / (right - left), this.height / (high - low));
  }

  get values() {
    return [this.x, this.y, this.scale];
  }
}
