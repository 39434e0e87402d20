// Points by a graphics card.

import { Cloud, MANY } from "./cloud.js";
import { programs } from "./shaders.js";

export class CardPoints extends Cloud {
  constructor(canvas, gl) {
    super(canvas, MANY * 6);
    this.gl = gl;
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

  place(positions) {
    super.place(positions);
    this.upload(this.positions, positions);
    if (this.coloured?.length !== this.count) this.upload(this.values, new Uint8Array(this.count));
  }

  paint(values, colours) {
    super.paint(values, colours);
    this.upload(this.values, values);
  }

  recolour(colours) {
    super.recolour(colours);
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, colours);
  }

  upload(buffer, values) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  }

  draw(view, ratio, moving) {
    const { gl, canvas } = this;
    const count = this.drawable(moving);
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
    gl.uniform1f(at.size, ratio * this.diameter);
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
    gl.uniform1f(this.programs.sum.at.density, this.solidity(view, count, 1));
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
}

function texture(gl, filter) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
  for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  return made;
}
