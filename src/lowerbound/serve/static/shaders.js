// Programs for the graphics card.

const HEAD = "#version 300 es\nprecision highp float;\n";

// A point, by its byte in a palette; one without a colour lies nowhere.
const POINT = `${HEAD}
in vec2 position; in uint value;
uniform vec2 scale, offset; uniform float size; uniform sampler2D palette;
out vec4 colour;
void main() {
  colour = texelFetch(palette, ivec2(int(value), 0), 0);
  gl_Position = colour.a > 0.0 ? vec4(position * scale + offset, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
}`;

// A disc with a soft edge.
const DISC = `${HEAD}
in vec4 colour; uniform float size, alpha; out vec4 shown;
void main() {
  float inside = clamp((0.5 - distance(gl_PointCoord, vec2(0.5))) * size + 0.5, 0.0, 1.0) * alpha;
  shown = vec4(colour.rgb * inside, inside);
}`;

// Its part of a sum: colours, and how many.
const PART = `${HEAD}
in vec4 colour; out vec4 shown;
void main() { shown = vec4(colour.rgb, 1.0) / 16.0; }`;

// All of the canvas.
const ALL = `${HEAD}
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID % 2, gl_VertexID / 2);
  place = corner;
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// The sum as the mean colour, more solid where more points lie.
const SUM = `${HEAD}
in vec2 place; uniform sampler2D sum; uniform float density; out vec4 shown;
void main() {
  vec4 here = texture(sum, place);
  float solid = here.a > 0.0 ? 0.12 + 0.88 * (1.0 - exp(-density * here.a * 16.0)) : 0.0;
  solid *= min(here.a * 16.0, 1.0);
  shown = vec4(here.rgb / max(here.a, 1e-6) * solid, solid);
}`;

export const programs = (gl) => ({
  discs: linked(gl, POINT, DISC),
  parts: linked(gl, POINT, PART),
  sum: linked(gl, ALL, SUM),
});

function linked(gl, ...sources) {
  const program = gl.createProgram();
  sources.forEach((source, i) => {
    const shader = gl.createShader(i ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  });
  gl.bindAttribLocation(program, 0, "position");
  gl.bindAttribLocation(program, 1, "value");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  const at = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const { name } = gl.getActiveUniform(program, i);
    at[name] = gl.getUniformLocation(program, name);
  }
  return { program, at };
}
