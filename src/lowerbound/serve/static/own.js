// A row of one's own, drawn, written or taken from the data: its code, its reconstruction, log p(x) with its error,
// and what about it is unusual.

import { ask, get } from "./api.js";
import { made } from "./elements.js";
import { imageIn, recordIn } from "./files.js";
import { Form } from "./form.js";
import { Newest } from "./newest.js";
import { fixed, inUnits, lowered, withError } from "./numbers.js";
import { Pen } from "./pen.js";
import { cellsOf, rowOf } from "./rows.js";
import { shownAs } from "./shown.js";

const REST = 450; // milliseconds after which a row is scored
const MANY = 100; // of more columns what is unusual is asked for by hand

export class Own {
  // `on` has found(code), here() → cells, nearest() → the number of a point, or −1.
  constructor(node, scene, images, on, failed) {
    Object.assign(this, { node, scene, images, on, failed, turn: 0 });
    const changed = () => this.changed();
    this.editor = scene.form === "images" ? new Pen(images, changed) : new Form(scene, changed);
    this.again = shownAs(scene, images);
    this.found = made("dl", { className: "found", "aria-live": "polite" });
    this.odd = made("div");
    this.quick = new Newest((row) => this.reconstruct(row), (error) => this.refused(error));
    this.build();
  }

  build() {
    const button = (words, call) => {
      const element = made("button", { type: "button", textContent: words });
      element.addEventListener("click", () => call().catch((error) => this.refused(error)));
      return element;
    };
    const buttons = [button("As here", async () => this.hold(this.on.here()))];
    if (this.scene.points) {
      buttons.push(button("Nearest row", () => this.take(this.on.nearest())));
      buttons.push(button("Any row", () => this.take(Math.floor(Math.random() * this.scene.points))));
    }
    if (this.images) buttons.push(button("Clear", async () => this.clear()));
    const pictures = this.images !== null;
    const chosen = made("input", { type: "file", accept: pictures ? "image/*" : ".json,.csv,.tsv,.txt", hidden: true });
    chosen.addEventListener("change", () => chosen.files[0] && this.open(chosen.files[0]));
    const file = button("Open a file", async () => chosen.click());
    this.droppable();
    const way = pictures ? "Draw a digit, a face, or whatever the model knows; or drop an image here." : "Fill in a row, or drop a JSON or CSV file here.";
    const hint = pictures && !this.images.ink ? "Drop an image here, or take one of the data and draw on it." : way;
    const figure = (content, words) => made("figure", {}, content, made("figcaption", { textContent: words }));
    this.result = made("div", { hidden: true });
    if (pictures) {
      this.oddCanvas = this.images.canvas();
      this.oddFigure = figure(this.oddCanvas, "unusual, by pixel");
      this.oddFigure.hidden = true;
      this.againFigure = figure(this.again.node, "reconstruction");
      this.againFigure.hidden = true;
      this.node.append(made("p", { className: "note", textContent: hint }), made("div", { className: "actions" }, ...buttons, file, chosen));
      this.node.append(made("div", { className: "pair" }, figure(this.editor.canvas, "yours"), this.againFigure, this.oddFigure));
      this.result.append(this.found, this.odd);
    } else {
      this.node.append(made("p", { className: "note", textContent: hint }), made("div", { className: "actions" }, ...buttons, file, chosen), this.editor.node);
      this.result.append(this.found, this.odd, made("h3", { textContent: "Its reconstruction" }), this.again.node);
    }
    this.node.append(this.result);
  }

  droppable() {
    const { node } = this;
    const over = (event) => {
      event.preventDefault();
      node.classList.add("over-file");
    };
    node.addEventListener("dragover", over);
    node.addEventListener("dragleave", () => node.classList.remove("over-file"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      node.classList.remove("over-file");
      if (event.dataTransfer.files[0]) this.open(event.dataTransfer.files[0]);
    });
  }

  async open(file) {
    try {
      this.hold(this.images ? await imageIn(file, this.images) : cellsOf(await recordIn(file), this.scene.columns));
    } catch (error) {
      this.refused(error);
    }
  }

  async take(place) {
    if (place < 0) return;
    const { row } = await (await get(`explorer/rows/${place}`)).json();
    this.hold(cellsOf(row, this.scene.columns));
  }

  hold(cells) {
    if (!cells) return;
    this.editor.hold(cells);
    this.changed();
  }

  clear() {
    this.editor.clear();
    this.turn++;
    clearTimeout(this.timer);
    this.result.hidden = true;
    this.againFigure.hidden = this.oddFigure.hidden = true;
    this.on.found(null);
  }

  recolour() {
    if (!this.images) return;
    this.editor.recolour();
    this.again.recolour();
    if (this.pixels) this.images.warm(this.oddCanvas, this.pixels);
  }

  // The row as it stands, whole numbers where the columns are such.
  get row() {
    const cells = this.images ? this.editor.values : this.editor.cells;
    const whole = Array.from(cells, (cell, i) => (typeof cell === "number" && this.scene.columns[i].whole ? Math.round(cell) : cell));
    return rowOf(whole, this.scene);
  }

  changed() {
    if (!this.images && !this.editor.usable) return;
    const turn = ++this.turn;
    this.quick.ask(this.row);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.score(turn).catch((error) => turn === this.turn && this.refused(error)), REST);
  }

  async reconstruct(row) {
    const { codes, rows } = await ask("reconstruct", { rows: [row] });
    this.result.hidden = false;
    if (this.images) this.againFigure.hidden = false;
    this.again.show(rows[0]);
    this.code = codes[0];
    this.said = {};
    this.tell();
    this.on.found(this.code);
  }

  async score(turn) {
    const { row } = this;
    this.odd.replaceChildren();
    if (this.images) this.oddFigure.hidden = true;
    const { scores, unit } = await ask("score", { rows: [row] });
    if (turn !== this.turn) return;
    this.said = { score: scores[0], unit };
    this.tell();
    if (scores[0].log_prob === null) return;
    if (this.scene.columns.filter(({ encoded }) => encoded).length <= MANY) return this.surprise(turn, row);
    const button = made("button", { type: "button", textContent: "What is unusual?" });
    button.addEventListener("click", () => this.surprise(turn, row).catch((error) => this.refused(error)));
    this.odd.replaceChildren(made("div", { className: "actions" }, button));
  }

  async surprise(turn, row) {
    this.odd.replaceChildren(made("p", { className: "note", textContent: "Looking at each column given the others …" }));
    const { columns, surprise } = await ask("surprise", { rows: [row] });
    if (turn !== this.turn) return;
    const nats = new Map(columns.map((name, i) => [name, surprise[0][i]]));
    if (this.images) return this.showPixels(nats);
    const order = [...nats].filter(([, value]) => value !== null).sort(([, a], [, b]) => b - a);
    const most = Math.max(3, order[0]?.[1] ?? 0);
    const items = order.slice(0, 6).map(([name, value]) => {
      const bar = made("i");
      bar.style.transform = `scaleX(${Math.max(0, value / most).toFixed(3)})`;
      const column = this.scene.columns.find((each) => each.name === name);
      const title = `${name}: ${inUnits(cellsOf(row, this.scene.columns)[this.scene.columns.indexOf(column)], column)}`;
      return made("li", {}, made("span", { className: "key", textContent: title, title }), made("span", { className: "track", "aria-hidden": "true" }, bar), made("span", { className: "value", textContent: `${fixed(value, 1)} nats` }));
    });
    this.odd.replaceChildren(made("h3", { textContent: "What is unusual about it" }), made("ol", { className: "odd" }, ...items), made("p", { className: "note", textContent: "−log p(this column | the others): the more, the more unusual." }));
  }

  // Nats a pixel, of a pixel that never changes none.
  showPixels(nats) {
    const { columns } = this.scene;
    const { channels } = this.images;
    this.pixels = new Float32Array(columns.length / channels);
    columns.forEach(({ name }, i) => (this.pixels[Math.floor(i / channels)] += nats.get(name) ?? 0));
    this.images.warm(this.oddCanvas, this.pixels);
    this.oddFigure.hidden = false;
    const place = this.pixels.indexOf(Math.max(...this.pixels));
    const [line, across] = [Math.floor(place / this.images.width) + 1, (place % this.images.width) + 1];
    this.odd.replaceChildren(made("p", { className: "note", textContent: `Most unusual, given the others: the pixel in line ${line}, column ${across}, with ${fixed(this.pixels[place], 1)} nats.` }));
  }

  tell() {
    const { score, unit } = this.said;
    const lines = [];
    const shown = this.code.slice(0, 6).map((value, k) => `z${lowered(k + 1)} = ${fixed(value, 2)}`);
    lines.push(["code", made("span", { textContent: shown.join(", ") + (this.code.length > 6 ? ", …" : "") })]);
    if (!score) lines.push(["log p(x)", made("span", { textContent: "…" })]);
    else if (score.log_prob === null) lines.push(["log p(x)", made("span", { textContent: `−∞: ${score.outside ?? "the model has no mass there"}` })]);
    else {
      const error = withError(score.log_prob, score.standard_error);
      const reliable = score.reliable ? "" : ", not to be relied on";
      lines.push(["log p(x)", made("span", {}, made("strong", { textContent: error }), ` ${unit}${reliable}`)]);
      if (this.scene.evidence) lines.push(["held-out rows", made("span", { textContent: `${fixed(this.scene.evidence.mean, 1)} ${unit} in the mean` })]);
    }
    this.found.replaceChildren(...lines.flatMap(([key, value]) => [made("dt", { textContent: key }), made("dd", {}, value)]));
  }

  refused(error) {
    this.result.hidden = false;
    this.odd.replaceChildren(made("p", { className: "note", role: "alert", textContent: error.message }));
  }
}
