// What the colours of the points mean. A class can be switched off.

import { colour, ramp, rgb, stops } from "./colours.js";
import { made } from "./elements.js";
import { short } from "./numbers.js";

export function legend(node, said, off, contoured, toggle) {
  const parts = said === null ? [] : said.kind === "numbers" ? numbers(said) : classes(said, off, toggle);
  if (contoured) parts.push(made("span", { className: "lines" }, ...contours(contoured)));
  node.replaceChildren(...parts);
}

function classes({ names, other, missing }, off, toggle) {
  const entries = names.map((name, place) => [place, name, `class-${place}`]);
  if (other) entries.push([254, "other", "other"]);
  if (missing) entries.push([255, "missing", "other"]);
  return entries.map(([place, name, property]) => {
    const swatch = made("i", { className: "swatch" });
    swatch.style.background = rgb(colour(property));
    const button = made("button", { type: "button", title: `${name}: show or hide`, "aria-pressed": String(!off.has(place)) }, swatch, made("span", { textContent: name }));
    button.addEventListener("click", () => toggle(place));
    return button;
  });
}

function numbers({ ends: [low, high] }) {
  const bar = made("canvas", { className: "ramp", width: 64, height: 1, role: "img", "aria-label": "from low to high" });
  const between = stops();
  const context = bar.getContext("2d");
  for (let i = 0; i < 64; i++) {
    context.fillStyle = rgb(ramp(between, i / 63));
    context.fillRect(i, 0, 1, 1);
  }
  const said = (value) => made("span", { textContent: typeof value === "number" ? short(value) : String(value) });
  return [said(low), bar, said(high)];
}

function contours({ posterior }) {
  const key = (kind, words) => made("span", { className: "line-said" }, made("i", { className: `line-key ${kind}` }), words);
  const prior = key("prior", posterior ? "of the prior p(z)" : "half and 90 % of the prior p(z)");
  return posterior ? [key("", "half and 90 % of all posteriors q(z)"), prior] : [prior];
}
