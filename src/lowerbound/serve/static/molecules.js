// Structures of molecules: the server says their lines and areas, which become elements of the page.

import { get } from "./api.js";
import { drawn } from "./elements.js";

const KEPT = 2000;
const known = new Map();

// The place of the first column that is of molecules, or −1.
export const moleculesIn = ({ columns }) => columns.findIndex(({ molecules }) => molecules);

// How these are drawn, null of what is no molecule; the server is asked for what it has not said yet.
export async function structuresOf(smiles) {
  if (known.size > KEPT) known.clear();
  const asked = [...new Set(smiles)].filter((each) => each && !known.has(each));
  if (asked.length) {
    const query = asked.map((each) => `smiles=${encodeURIComponent(each)}`).join("&");
    const found = await (await get(`explorer/molecules?${query}`)).json();
    asked.forEach((each, i) => known.set(each, found[i]));
  }
  return smiles.map((each) => known.get(each) ?? null);
}

// A picture of a molecule, in the middle and of one scale, unless it is larger than `wide` and `high`.
export class Structure {
  constructor(wide = 170, high = 120) {
    Object.assign(this, { wide, high });
    this.node = drawn("svg", { class: "structure", role: "img", "aria-label": "a molecule" });
    this.draw(null, "");
  }

  draw(structure, smiles) {
    const { wide, high, lines } = structure ?? { wide: 0, high: 0, lines: [] };
    const [width, height] = [Math.max(wide, this.wide), Math.max(high, this.high)];
    this.node.setAttribute("viewBox", `${(wide - width) / 2} ${(high - height) / 2} ${width} ${height}`);
    this.node.setAttribute("aria-label", structure ? smiles : `${smiles || "nothing"}: not drawn`);
    const paths = lines.map(([ink, thick, d]) => drawn("path", { class: `${ink} ${thick ? "line" : "area"}`, "stroke-width": thick, d }));
    this.node.replaceChildren(...paths);
  }
}
