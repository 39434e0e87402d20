// Up to a million points: discs where they are few, their density where they are many. While the plane moves a
// fair part of them is drawn, as many as keep it fluent; the points come in a random order.

import { programs } from "./shaders.js";

const MANY = 20_000; // more points are shown as a density
const [FLUENT, SLOW] = [24, 36]; // milliseconds a frame

export class Points {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    Object.assign(this, { canvas, gl, count: 0, spread: 1, budget: 120_000 });
    if (gl === null) return;
    this.start();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.restore());
  }

  start() {
    const { gl } = this;
    this.floats = gl.getExtension("EXT_color_buffer_float") !== null;
    this.programs = programs(gl);
    this.positions = gl.createBuffer();
    this.values = gl.createBuffer();
    this.palette = texture(gl, gl.NEAREST);
    this.sum = texture(gl, gl.LINEAR);
    this.sumAt = gl.createFramebuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.values);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 1, gl.UNSIGNED_BYTE, 0, 0);
    gl.enable(gl.BLEND);
    this.sized = "";
  }

  restore() {
    this.start();
    if (this.placed) this.place(this.placed);
    if (this.coloured) this.paint(this.coloured, this.paletted);
  }

  // Positions x, y, x, y, …
  place(positions) {
    this.placed = positions;
    this.count = positions.length / 2;
    this.spread = spread(positions);
    this.upload(this.positions, positions);
    if (!this.coloured || this.coloured.length !== this.count) this.upload(this.values, new Uint8Array(this.count));
  }

  // A byte for each point, and the colours of the 256.
  paint(values, colours) {
    Object.assign(this, { coloured: values, paletted: colours });
    const { gl } = this;
    if (gl === null) return;
    this.upload(this.values, values);
    this.recolour(colours);
  }

  recolour(colours) {
    const { gl } = this;
    this.paletted = colours;
    if (gl === null) return;
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, colours);
  }

  upload(buffer, values) {
    const { gl } = this;
    if (gl === null) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  }

  // How long a frame took while the plane moved.
  took(milliseconds) {
    if (milliseconds > SLOW) this.budget = Math.max(20_000, this.budget * 0.75);
    else if (milliseconds < FLUENT) this.budget = Math.min(Math.max(this.count, MANY), this.budget * 1.15);
  }

  draw(view, ratio, moving) {
    const { gl, canvas } = this;
    if (gl === null) return this.drawFew(view, ratio);
    const count = Math.floor(moving ? Math.min(this.count, this.budget) : this.count);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (count === 0) return;
    if (this.count > MANY && this.floats) this.drawDensity(view, count);
    else this.drawDiscs(view, ratio, count);
  }

  drawDiscs(view, ratio, count) {
    const { gl } = this;
    const { at } = this.use(this.programs.discs, view);
    const size = ratio * Math.min(Math.max(170 / Math.sqrt(this.count), 3.2), 8);
    gl.uniform1f(at.size, size);
    gl.uniform1f(at.alpha, this.count > 4000 ? 0.7 : 0.88);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.POINTS, 0, count);
  }

  drawDensity(view, count) {
    const { gl, canvas } = this;
    const [width, height] = [Math.ceil(view.width), Math.ceil(view.height)];
    this.resizeSum(width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.sumAt);
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform1f(this.use(this.programs.parts, view).at.size, 1);
    gl.blendFunc(gl.ONE, gl.ONE);
    gl.drawArrays(gl.POINTS, 0, count);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(this.programs.sum.program);
    gl.bindTexture(gl.TEXTURE_2D, this.sum);
    // Where points lie as dense as in the middle of all, so many to a pixel, two thirds are covered.
    const usual = count / (this.spread * view.scale ** 2);
    gl.uniform1f(this.programs.sum.at.density, Math.min(1 / usual, 0.8));
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  use(program, view) {
    const { gl } = this;
    const [x, y] = [(2 * view.scale) / view.width, (2 * view.scale) / view.height];
    gl.useProgram(program.program);
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.uniform2f(program.at.scale, x, y);
    gl.uniform2f(program.at.offset, -view.x * x, -view.y * y);
    return program;
  }

  resizeSum(width, height) {
    const { gl } = this;
    if (this.sized === `${width} ${height}`) return;
    this.sized = `${width} ${height}`;
    gl.bindTexture(gl.TEXTURE_2D, this.sum);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.sumAt);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.sum, 0);
  }

  // Without a graphics card: the first of them, as squares.
  drawFew(view, ratio) {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (let i = 0; i < Math.min(this.count, MANY); i++) {
      const place = 4 * (this.coloured ? this.coloured[i] : 0);
      if (this.paletted[place + 3] === 0) continue;
      const [left, top] = view.toScreen(this.placed[2 * i], this.placed[2 * i + 1]);
      context.fillStyle = `rgb(${this.paletted.subarray(place, place + 3).join(" ")})`;
      context.fillRect(left * ratio - 2, top * ratio - 2, 4, 4);
    }
  }
}

function texture(gl, filter) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
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
