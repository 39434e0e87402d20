// The way between two pinned places, as a strip.

import { ask } from "./api.js";
import { byId } from "./elements.js";
import { manyShown } from "./many.js";
import { Newest } from "./newest.js";

const STEPS = 9;

export class Path {
  constructor(scene, images, failed) {
    Object.assign(this, { scene, images });
    this.newest = new Newest((ends) => this.walk(ends), failed);
    this.show(null, null);
  }

  show(a, b) {
    this.ends = [a, b];
    if (a && b) return this.newest.ask([a, b]);
    byId("path").replaceChildren();
    byId("path").hidden = true;
    byId("path-words").hidden = false;
    byId("path-words").textContent = a ? "Click a second place: B." : "Click two places of the plane, A and then B, to see what lies between them.";
  }

  async walk([a, b]) {
    const { rows } = await ask("interpolate", { from: a, to: b, steps: Math.min(STEPS, this.scene.limits.grid) });
    if (this.ends[0] !== a || this.ends[1] !== b) return;
    const titles = rows.map((_, i) => (i === 0 ? "A" : i === rows.length - 1 ? "B" : `${Math.round((100 * i) / (rows.length - 1))} %`));
    this.rows = rows;
    byId("path-words").hidden = true;
    byId("path").hidden = false;
    byId("path").replaceChildren(manyShown(this.scene, this.images, rows, titles));
  }

  recolour() {
    if (this.ends[0] && this.ends[1]) this.newest.ask(this.ends);
  }
}
