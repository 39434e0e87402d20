// Rows that are drawn from the prior, others at each call.

import { ask } from "./api.js";
import { byId } from "./elements.js";
import { manyShown } from "./many.js";
import { Newest } from "./newest.js";

const COUNT = { images: 18, counts: 9, table: 8 };

export class Samples {
  constructor(scene, images, failed) {
    Object.assign(this, { scene, images });
    this.newest = new Newest(() => this.draw(), failed);
    byId("again").addEventListener("click", () => this.newest.ask(true));
    byId("means").addEventListener("change", () => this.newest.ask(true));
    this.newest.ask(true);
  }

  async draw() {
    const count = Math.min(COUNT[this.scene.form], this.scene.limits.samples);
    const { rows } = await ask("sample", { count, mean: byId("means").checked });
    this.rows = rows;
    this.recolour();
  }

  recolour() {
    if (this.rows) byId("drawn").replaceChildren(manyShown(this.scene, this.images, this.rows, [], true));
  }
}
