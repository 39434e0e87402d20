// The explorer: the latent plane, and what the model makes of it.

import { ask, askNumbers, get } from "./api.js";
import { Axes } from "./axes.js";
import { Basis } from "./basis.js";
import { Behind } from "./behind.js";
import { onScheme, palette } from "./colours.js";
import { byId, made, option } from "./elements.js";
import { Images } from "./images.js";
import { keys } from "./keyboard.js";
import { legend } from "./legend.js";
import { nearest } from "./nearest.js";
import { Newest } from "./newest.js";
import { counted, fixed, withError } from "./numbers.js";
import { Own } from "./own.js";
import { Path } from "./path.js";
import { Plane } from "./plane.js";
import { cellsOf } from "./rows.js";
import { Samples } from "./samples.js";
import { shownAs } from "./shown.js";
import { State } from "./state.js";
import { takeToken } from "./token.js";

const LAYERS = { points: "points", behind: "manifold", contours: "contours" };

class Explorer {
  constructor(scene) {
    this.scene = scene;
    this.images = scene.form === "images" ? new Images(scene) : null;
    this.bases = Object.fromEntries(scene.bases.map((basis) => [basis.name, new Basis(basis)]));
    const { name, dims } = this.bases[scene.bases[0].name];
    const colour = firstColour(scene);
    this.state = new State({ basis: name, across: 0, up: 1, at: Array(dims).fill(0), view: null, colour, off: new Set(), hide: new Set(), a: null, b: null });
    this.state.read();
    if (!this.bases[this.state.get("basis")]) this.state.set({ basis: name });
    this.positions = new Float32Array(0);
    this.legend = null;
    this.kept = this.state.get("at");
    const failed = (error) => trouble(error);
    this.head();
    this.decoded = new Newest((z) => this.decode(z), failed);
    this.here = shownAs(scene, this.images);
    byId("here").append(this.here.node);
    document.querySelector(".here").classList.toggle("of-images", this.images !== null);
    this.behind = new Behind(byId("behind"), scene, this.images, failed);
    this.plane = new Plane(byId("plane"), this.behind, {
      point: (x, y) => this.move(x, y),
      pick: (x, y) => this.pick(x, y),
      leave: () => this.state.set({ at: this.kept }),
      rest: () => this.rest(),
      resize: () => this.seen(),
    });
    this.axes = new Axes(this.bases, this.state);
    this.path = new Path(scene, this.images, failed);
    this.own = new Own(byId("own"), scene, this.images, {
      found: (code) => this.mark(code),
      here: () => this.row && cellsOf(this.row, scene.columns),
      nearest: () => nearest(this.positions, ...this.placeOf(this.state.get("at"))),
    }, failed);
    this.samples = new Samples(scene, this.images, failed);
    this.controls();
    this.listen();
  }

  get basis() {
    return this.bases[this.state.get("basis")];
  }

  get code() {
    return this.basis.code(this.state.get("at"));
  }

  head() {
    const { name, words, evidence } = this.scene;
    document.title = `${name}: the latent space`;
    byId("name").textContent = name;
    byId("words").textContent = words;
    byId("evidence").hidden = evidence === null;
    if (evidence) byId("evidence").textContent = `log p(x) ${withError(evidence.mean, evidence.standard_error)} nats a row, ${counted(evidence.rows, "held-out row")}`;
  }

  controls() {
    const { scene, state, plane } = this;
    byId("plane").setAttribute("aria-label", `The latent plane of ${scene.name}`);
    for (const [name, words] of Object.entries(LAYERS)) {
      if (name === "points" && !scene.points) continue;
      const tick = made("input", { type: "checkbox" });
      tick.addEventListener("change", () => {
        const hide = new Set(state.get("hide"));
        if (tick.checked) hide.delete(name);
        else hide.add(name);
        state.set({ hide });
      });
      this[`${name}Tick`] = tick;
      byId("layers").append(made("label", { className: "tick" }, tick, name === "behind" && !this.images ? "decoded column" : words));
    }
    byId("colour").append(...scene.colourings.map(({ key, name }) => option(key, name)), option("", "one colour"));
    byId("colour-choice").hidden = !scene.colourings.length;
    byId("colour").addEventListener("change", (event) => state.set({ colour: event.target.value, off: new Set() }));
    byId("closer").addEventListener("click", () => plane.zoom(1.4));
    byId("farther").addEventListener("click", () => plane.zoom(1 / 1.4));
    byId("whole").addEventListener("click", () => this.whole());
    byId("pin-a").addEventListener("click", () => this.pin("a"));
    byId("pin-b").addEventListener("click", () => this.pin("b"));
    byId("link").addEventListener("click", () => this.copy());
    keys(plane, {
      step: (right, up) => {
        const [x, y] = this.placeOf(state.get("at"));
        this.move(x + right, y + up);
        this.kept = state.get("at");
        this.say();
      },
      whole: () => this.whole(),
      pin: (name) => this.pin(name),
      pinNext: () => this.pin(state.get("a") && !state.get("b") ? "b" : "a"),
      unpin: () => state.set({ a: null, b: null }),
    });
  }

  listen() {
    const { state } = this;
    state.listen(["basis", "across", "up"], () => this.turn());
    state.listen(["at", "basis"], () => this.moved());
    state.listen(["colour"], () => this.colour());
    state.listen(["off"], () => this.recolour());
    state.listen(["hide"], () => this.layers());
    state.listen(["a", "b"], () => this.ends());
    state.listen(["view"], () => this.seen());
    onScheme(() => this.recolour(true));
    this.turn();
    this.moved();
    this.colour();
    this.layers();
    this.ends();
  }

  // Another plane: where the points lie in it, and the contours.
  async turn() {
    const { state, scene } = this;
    const [basis, across, up] = ["basis", "across", "up"].map((name) => state.get(name));
    const turn = (this.turned = (this.turned || 0) + 1);
    this.plane.names = [this.basis.names[across], this.basis.names[up] ?? ""];
    this.behind.forget();
    this.seen();
    const query = `basis=${basis}&across=${across}&up=${up}`;
    const waiting = (words) => this.wait(words);
    try {
      if (scene.points) {
        const answer = await get(`explorer/points?${query}`, waiting);
        const positions = new Float32Array(await answer.arrayBuffer());
        if (turn !== this.turned) return;
        this.positions = positions;
        this.plane.points.place(positions);
        this.whereabouts();
      }
      this.wait("");
      const densities = await (await get(`explorer/contours?${query}`, waiting)).json();
      if (turn !== this.turned) return;
      this.plane.overlay.trace(densities);
      this.plane.redraw();
    } catch (error) {
      trouble(error);
    }
  }

  // What the link, or the ends of the axes, say is seen.
  seen() {
    const { view } = this.plane ?? {};
    if (!view || view.width < 2) return;
    const said = this.state.get("view");
    const [across, up] = [this.state.get("across"), this.state.get("up")];
    if (said === null) view.fit(this.basis.ends[across], this.basis.ends[up] ?? [0, 1]);
    else Object.assign(view, { x: said[0], y: said[1], scale: Math.min(view.width, view.height) / said[2] });
    this.plane.redraw();
    this.refresh();
  }

  rest() {
    const { view } = this.plane;
    const span = Math.min(view.width, view.height) / view.scale;
    this.state.values.view = [view.x, view.y, span];
    this.state.set({ view: [view.x, view.y, span] });
  }

  whole() {
    this.state.set({ view: null });
    this.seen();
  }

  refresh() {
    const { state, plane } = this;
    this.behind.refresh(plane.view, this.basis, state.get("at"), state.get("across"), state.get("up"), () => plane.redraw());
  }

  // Places and codes.
  placeOf(coordinates) {
    return [coordinates[this.state.get("across")], coordinates[this.state.get("up")] ?? 0.5];
  }

  move(x, y) {
    const at = this.state.get("at").slice();
    at[this.state.get("across")] = x;
    if (at.length > 1) at[this.state.get("up")] = y;
    this.state.set({ at });
  }

  pick(x, y) {
    const { state } = this;
    this.move(x, y);
    this.kept = state.get("at");
    if (state.get("a") && !state.get("b")) this.pin("b");
    else state.set({ a: this.code, b: null });
  }

  pin(name) {
    this.state.set({ [name]: this.code });
    this.say(`${name.toUpperCase()} is pinned. `);
  }

  mark(code) {
    this.plane.marks.own = code && this.placeOf(this.basis.coordinates(code));
    this.ownCode = code;
    this.plane.remark();
  }

  ends() {
    const [a, b] = [this.state.get("a"), this.state.get("b")];
    this.path.show(a, b);
    this.placeMarks();
  }

  placeMarks() {
    const { state, plane, basis } = this;
    const place = (code) => code && this.placeOf(basis.coordinates(code));
    Object.assign(plane.marks, { here: this.placeOf(state.get("at")), a: place(state.get("a")), b: place(state.get("b")), own: place(this.ownCode) });
    plane.remark();
  }

  moved() {
    this.decoded.ask(this.code);
    this.placeMarks();
    this.whereabouts();
    const [across, up] = [this.state.get("across"), this.state.get("up")];
    const rest = this.state.get("at").filter((_, k) => k !== across && k !== up).join(" ");
    if (rest === this.restOf) return;
    this.restOf = rest;
    this.refresh();
  }

  async decode(z) {
    const began = performance.now();
    if (this.scene.form === "table") [this.row] = (await ask("decode", { codes: [z] })).rows;
    else this.row = (await askNumbers("decode", { codes: [z] })).values;
    this.here.show(this.row);
    this.timed?.push(performance.now() - began);
  }

  // Where the point is, and what lies nearest.
  whereabouts() {
    const { state, basis } = this;
    const at = state.get("at");
    const shown = [state.get("across"), state.get("up")].filter((k) => k < at.length);
    const said = shown.map((k) => `${basis.names[k].replace(/ \(.*/, "")} = ${fixed(at[k], 2)}`).join(", ");
    byId("where").textContent = `${said}${this.near()}`;
  }

  near() {
    const { legend: said, values, positions } = this;
    if (!said || said.kind !== "classes" || !values || !positions.length) return "";
    const place = values[nearest(positions, ...this.placeOf(this.state.get("at")))];
    const name = said.names[place];
    const what = this.scene.colourings.find(({ key }) => key === this.state.get("colour")).name;
    return name === undefined ? "" : `; ${what} of the nearest row: ${name}`;
  }

  say(before = "") {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const words = this.row ? this.here.words(this.row) : "";
      byId("said").textContent = `${before}${byId("where").textContent}${words ? `: ${words}` : ""}`;
    }, 500);
  }

  // What colours the points, and the field behind them.
  async colour() {
    const { state, behind, scene } = this;
    const key = state.get("colour");
    byId("colour").value = key;
    const turn = (this.coloured = (this.coloured || 0) + 1);
    try {
      const said = key === "" ? null : await (await get(`explorer/colours/${key}`, (words) => this.wait(words))).json();
      const values = key === "" ? new Uint8Array(scene.points) : new Uint8Array(await (await get(`explorer/colours/${key}/points`)).arrayBuffer());
      if (turn !== this.coloured) return;
      Object.assign(this, { legend: said, values });
      const column = key === "" || key === "label" ? null : Number(key);
      Object.assign(behind, { column, legend: said });
      this.behindTick.disabled = !this.images && column === null;
      behind.forget();
      this.plane.points.paint(values, palette(said, state.get("off")));
      this.recolour();
      this.whereabouts();
      this.refresh();
    } catch (error) {
      trouble(error);
    }
  }

  recolour(all = false) {
    const { state } = this;
    const contoured = !state.get("hide").has("contours") && { posterior: this.scene.points > 0 };
    legend(byId("legend"), state.get("hide").has("points") ? null : this.legend, state.get("off"), contoured, (place) => this.toggle(place));
    this.plane.points.recolour(palette(this.legend, state.get("off")));
    this.plane.redraw();
    if (!all) return;
    this.images?.recolour();
    for (const part of [this.here, this.own, this.path, this.samples]) part.recolour();
    this.refresh();
  }

  toggle(place) {
    const off = new Set(this.state.get("off"));
    if (!off.delete(place)) off.add(place);
    const focused = [...byId("legend").children].indexOf(document.activeElement);
    this.state.set({ off });
    byId("legend").children[focused]?.focus();
  }

  layers() {
    const hide = this.state.get("hide");
    for (const name of Object.keys(LAYERS)) if (this[`${name}Tick`]) this[`${name}Tick`].checked = !hide.has(name);
    byId("points").hidden = hide.has("points");
    this.plane.overlay.showContours(!hide.has("contours"));
    this.behind.shown = !hide.has("behind");
    this.recolour();
    this.refresh();
  }

  async copy() {
    this.state.write();
    try {
      await navigator.clipboard.writeText(location.href);
      byId("link").textContent = "Copied";
    } catch {
      byId("link").textContent = "It is in the address";
    }
    setTimeout(() => (byId("link").textContent = "Copy link"), 1600);
  }

  wait(words) {
    byId("waiting").hidden = words === "";
    byId("waiting").textContent = words;
  }
}

// Labels, or else the last column of a few levels, which most often is what a table is about.
function firstColour({ colourings, columns }) {
  const few = colourings.filter(({ key }) => key === "label" || (columns[key]?.levels?.length ?? 11) <= 10);
  return (few.find(({ key }) => key === "label") ?? few.at(-1) ?? colourings[0])?.key ?? "";
}

// What went wrong, for as long as it lasts.
let troubled;
function trouble(error) {
  byId("trouble").textContent = error.status ? error.message : `The server does not answer: ${error.message}`;
  byId("trouble").hidden = false;
  clearTimeout(troubled);
  troubled = setTimeout(() => (byId("trouble").hidden = true), 8000);
}

takeToken();
try {
  const scene = await (await get("explorer/scene", (words) => {
    byId("waiting").hidden = false;
    byId("waiting").textContent = words;
  })).json();
  byId("waiting").hidden = true;
  globalThis.explorer = new Explorer(scene);
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  trouble(error);
}
