// A row as what it is: an image, counts as bars, or a table in its own units. Each has a `node`, is shown a row by
// `show`, and says it in `words`.

import { colour, rgb } from "./colours.js";
import { made } from "./elements.js";
import { moleculesIn, Structure, structuresOf } from "./molecules.js";
import { Newest } from "./newest.js";
import { inUnits } from "./numbers.js";
import { cellsOf } from "./rows.js";

export function shownAs(scene, images) {
  if (scene.form === "images") return new ImageShown(images);
  return scene.form === "counts" ? new BarsShown(scene) : new TableShown(scene);
}

class ImageShown {
  constructor(images) {
    this.images = images;
    this.node = images.canvas();
  }

  show(row, start = 0) {
    Object.assign(this, { row, start });
    this.images.paint(this.node, row, start);
  }

  recolour() {
    if (this.row) this.show(this.row, this.start);
  }

  words() {
    return "";
  }
}

// Bars of log(1 + count), a column each.
export class BarsShown {
  constructor({ columns }) {
    this.columns = columns.filter(({ encoded }) => encoded);
    this.places = columns.map((column, i) => [column, i]).filter(([{ encoded }]) => encoded).map(([, i]) => i);
    this.all = columns;
    this.most = Math.log1p(Math.max(...this.columns.map(({ high }) => high || 1)));
    this.canvas = made("canvas", { className: "bars", width: 720, height: 330, role: "img", "aria-label": "counts as bars" });
    this.note = made("p", { className: "note" });
    this.node = made("div", {}, this.canvas, this.note);
  }

  show(row) {
    const cells = cellsOf(row, this.all);
    this.row = row;
    const { canvas, places } = this;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = rgb(colour("validation"));
    const wide = canvas.width / places.length;
    places.forEach((place, i) => {
      const height = (Math.log1p(Math.max(cells[place], 0)) / this.most) * (canvas.height - 4);
      context.fillRect(i * wide + wide * 0.12, canvas.height - height, wide * 0.76, height);
    });
    this.note.textContent = `log(1 + count) of ${places.length} columns; most: ${this.words(row)}`;
    canvas.setAttribute("aria-label", this.note.textContent);
  }

  recolour() {
    if (this.row) this.show(this.row);
  }

  words(row) {
    const cells = cellsOf(row, this.all);
    const order = this.places.slice().sort((i, j) => cells[j] - cells[i]);
    return order.slice(0, 3).map((place) => `${this.all[place].name} ${inUnits(cells[place], this.all[place])}`).join(", ");
  }
}

// A row's values, under the structure of its molecule where it has one.
class TableShown {
  constructor({ columns }) {
    this.columns = columns;
    this.molecules = moleculesIn({ columns });
    this.lines = columns.map((column) => {
      if (!column.encoded) return null;
      const value = made("span", { className: "value" });
      const bar = made("i");
      const item = made("li", {}, made("span", { className: "key", textContent: column.name, title: column.name }), value);
      if (typeof column.low === "number" && column.high > column.low) item.append(made("span", { className: "track", "aria-hidden": "true" }, bar));
      return { value, bar, item };
    });
    const values = made("ul", { className: "values", "aria-label": "columns", tabIndex: 0 }, ...this.lines.filter(Boolean).map(({ item }) => item));
    this.node = values;
    if (this.molecules < 0) return;
    this.structure = new Structure();
    this.node = made("div", {}, this.structure.node, values);
    // What is not drawn stands below as text.
    this.newest = new Newest(async (smiles) => this.structure.draw((await structuresOf([smiles]))[0], smiles), () => this.structure.draw(null, ""));
  }

  show(row) {
    const cells = cellsOf(row, this.columns);
    this.newest?.ask(cells[this.molecules] ?? "");
    this.columns.forEach((column, i) => {
      if (!this.lines[i]) return;
      const { value, bar } = this.lines[i];
      value.textContent = inUnits(cells[i], column);
      if (typeof cells[i] === "number") {
        const share = Math.max(0, Math.min(1, (cells[i] - column.low) / (column.high - column.low)));
        bar.style.transform = `scaleX(${share.toFixed(3)})`;
      }
    });
  }

  recolour() {}

  words(row) {
    const cells = cellsOf(row, this.columns);
    const said = this.columns.map((column, i) => column.encoded && `${column.name} ${inUnits(cells[i], column)}`);
    return said.filter(Boolean).slice(0, 5).join(", ");
  }
}
