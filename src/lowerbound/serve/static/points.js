// The points, by whatever draws them fast.

import { CardPoints } from "./card_points.js";
import { PlainPoints } from "./plain_points.js";

export function pointsOn(canvas) {
  const gl = hasCard() ? canvas.getContext("webgl2", { antialias: false }) : null;
  return gl === null ? new PlainPoints(canvas) : new CardPoints(canvas, gl);
}

// Whether there is a graphics card: one that a processor plays is slower than the processor.
function hasCard() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (gl === null) return false;
  const said = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(said ? said.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(name);
}
