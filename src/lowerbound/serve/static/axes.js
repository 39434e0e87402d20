// Which plane is seen, and the coordinates that are not in it.

import { byId, made, option } from "./elements.js";
import { fixed } from "./numbers.js";

export class Axes {
  constructor(bases, state) {
    Object.assign(this, { bases, state, sliders: [] });
    const { dims } = Object.values(bases)[0];
    byId("axes").hidden = dims < 3;
    byId("rest").hidden = dims < 3;
    const titles = { principal: "principal axes", latent: "the model's own" };
    byId("basis").append(...Object.keys(bases).map((name) => option(name, titles[name])));
    byId("basis").addEventListener("change", (event) => this.choose(event.target.value));
    for (const name of ["across", "up"]) {
      byId(name).addEventListener("change", (event) => this.turn(name, Number(event.target.value)));
    }
    state.listen(["basis", "across", "up"], () => this.build());
    state.listen(["at"], () => this.show());
    this.build();
  }

  get basis() {
    return this.bases[this.state.get("basis")];
  }

  // The same code in other coordinates.
  choose(name) {
    const at = this.bases[name].coordinates(this.basis.code(this.state.get("at")));
    this.state.set({ basis: name, at, across: 0, up: 1, view: null });
  }

  // Another axis; if it is the other one, they change places.
  turn(name, axis) {
    const other = name === "across" ? "up" : "across";
    const patch = { [name]: axis, view: null };
    if (this.state.get(other) === axis) patch[other] = this.state.get(name);
    this.state.set(patch);
  }

  build() {
    const { basis, state } = this;
    byId("basis").value = basis.name;
    for (const name of ["across", "up"]) {
      byId(name).replaceChildren(...basis.names.map((title, k) => option(k, title)));
      byId(name).value = state.get(name);
    }
    const rest = [...Array(basis.dims).keys()].filter((k) => k !== state.get("across") && k !== state.get("up"));
    byId("rest-words").textContent = rest.length === 1 ? "The other coordinate" : `The other ${rest.length} coordinates`;
    this.sliders = rest.map((k) => this.slider(k));
    byId("sliders").replaceChildren(...this.sliders.map(({ label }) => label));
    this.show();
  }

  slider(k) {
    const { basis, state } = this;
    const [low, high] = basis.ends[k];
    const input = made("input", { type: "range", min: low, max: high, step: (high - low) / 200 });
    const output = made("output");
    input.addEventListener("input", () => {
      const at = state.get("at").slice();
      at[k] = Number(input.value);
      state.set({ at });
    });
    return { k, input, output, label: made("label", {}, made("span", { textContent: basis.names[k] }), input, output) };
  }

  show() {
    const at = this.state.get("at");
    for (const { k, input, output } of this.sliders) {
      if (document.activeElement !== input) input.value = at[k];
      output.textContent = fixed(at[k], 2);
    }
  }
}
