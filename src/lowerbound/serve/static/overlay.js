// Over the points: axes, contours, the place that is decoded, and what is pinned.

import { drawn } from "./elements.js";
import { fixed } from "./numbers.js";

export class Overlay {
  // The cross is a layer of its own, for it moves with the pointer.
  constructor(svg, cross) {
    this.cross = cross;
    cross.append(mark("cross"));
    cross.firstChild.removeAttribute("display");
    this.contours = drawn("g");
    this.ticks = drawn("g");
    this.way = drawn("line", { class: "mark-path" });
    this.own = mark("ring");
    this.pins = { a: mark("A"), b: mark("B") };
    svg.append(this.contours, this.ticks, this.way, this.own, this.pins.a, this.pins.b);
  }

  // Lines in coordinates of the plane, {prior: [{share, lines}], posterior: …}.
  trace(densities) {
    this.contours.replaceChildren();
    for (const [name, regions] of Object.entries(densities)) {
      for (const { lines } of regions) {
        const d = lines.map((line) => `M${line.map(([x, y]) => `${x},${y}`).join("L")}`).join("");
        this.contours.append(drawn("path", { d, class: `contour ${name}`, "vector-effect": "non-scaling-stroke" }));
      }
    }
  }

  showContours(shown) {
    this.contours.toggleAttribute("hidden", !shown);
    this.contours.setAttribute("display", shown ? "inline" : "none");
  }

  // What moves with the plane alone.
  draw(view, names) {
    const [left, top] = view.toScreen(0, 0);
    this.contours.setAttribute("transform", `translate(${left} ${top}) scale(${view.scale} ${-view.scale})`);
    this.drawTicks(view, names);
  }

  // Marks at places of the plane; null where there is none.
  mark(view, { here, a, b, own }) {
    const [left, top] = view.toScreen(...here);
    this.cross.style.transform = `translate(${(left - 14).toFixed(1)}px, ${(top - 14).toFixed(1)}px)`;
    const said = [view.values, view.width, view.height, a, b, own].join(" ");
    if (said === this.marked) return;
    this.marked = said;
    put(this.pins.a, a, view);
    put(this.pins.b, b, view);
    put(this.own, own, view);
    this.way.setAttribute("display", a && b ? "inline" : "none");
    if (a && b) {
      const [[x1, y1], [x2, y2]] = [view.toScreen(...a), view.toScreen(...b)];
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) this.way.setAttribute(name, value);
    }
  }

  drawTicks(view, [across, up]) {
    const said = [...view.values, view.width, view.height, across, up].join(" ");
    if (said === this.ticked) return;
    this.ticked = said;
    const parts = [];
    const step = niceStep(90 / view.scale);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const [low, high] = [view.toPlane(0, view.height), view.toPlane(view.width, 0)];
    for (let x = Math.ceil(low[0] / step) * step; x < high[0]; x += step) {
      const left = view.toScreen(x, 0)[0];
      if (left < 40 || left > view.width - 30) continue;
      parts.push(line(left, view.height, left, view.height - 5), text(left, view.height - 9, fixed(x, decimals), "middle"));
    }
    for (let y = Math.ceil(low[1] / step) * step; y < high[1]; y += step) {
      const top = view.toScreen(0, y)[1];
      if (top < 30 || top > view.height - 30) continue;
      parts.push(line(0, top, 5, top), text(9, top + 4, fixed(y, decimals), "start"));
    }
    parts.push(text(view.width - 9, view.height - 9, across, "end", "axis-text"), text(9, 18, up, "start", "axis-text"));
    this.ticks.replaceChildren(...parts);
  }
}

// 1, 2 or 5 times a power of ten.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
}

const line = (x1, y1, x2, y2) => drawn("line", { x1, y1, x2, y2, class: "tick-line" });

function text(x, y, words, anchor, kind = "tick-text") {
  const element = drawn("text", { x, y, class: kind, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

function mark(kind) {
  const group = drawn("g", { display: "none" });
  if (kind === "cross" || kind === "ring") {
    const shapes = kind === "ring" ? [["circle", { r: 8 }]] : [["path", { d: "M-11 0h7M4 0h7M0 -11v7M0 4v7" }]];
    for (const name of ["mark-halo", "mark"]) for (const [tag, at] of shapes) group.append(drawn(tag, { ...at, class: name }));
  } else {
    const letter = drawn("text", { class: "mark-text" });
    letter.textContent = kind;
    group.append(drawn("circle", { r: 11, class: "mark-disc" }), letter);
  }
  return group;
}

function put(group, place, view) {
  group.setAttribute("display", place ? "inline" : "none");
  if (place) group.setAttribute("transform", `translate(${view.toScreen(...place).map((v) => v.toFixed(1)).join(" ")})`);
}
