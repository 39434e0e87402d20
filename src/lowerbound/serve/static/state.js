// What the page shows, as a value that a link holds.

const NUMBERS = (text) => text.split(",").map(Number);
const written = (numbers) => Array.from(numbers, (value) => Number(value.toPrecision(6))).join(",");

// How each entry is read from a link, and written into one; what is as it was at first is not.
const ENTRIES = {
  basis: [String, String],
  across: [Number, String],
  up: [Number, String],
  at: [NUMBERS, written],
  view: [NUMBERS, written],
  colour: [String, String],
  off: [(text) => new Set(NUMBERS(text)), (off) => written(off)],
  hide: [(text) => new Set(text.split(",")), (hidden) => [...hidden].join(",")],
  a: [NUMBERS, written],
  b: [NUMBERS, written],
};

export class State {
  constructor(first) {
    this.first = first;
    this.values = { ...first };
    this.heard = [];
    this.written = null;
    addEventListener("hashchange", () => location.hash.slice(1) !== this.written && this.read());
  }

  get(name) {
    return this.values[name];
  }

  // Called with the names of what changed.
  listen(names, call) {
    this.heard.push([new Set(names), call]);
  }

  set(patch) {
    const changed = Object.keys(patch).filter((name) => this.values[name] !== patch[name]);
    if (!changed.length) return;
    Object.assign(this.values, patch);
    for (const [names, call] of this.heard) if (changed.some((name) => names.has(name))) call();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 300);
  }

  // From the link, as far as it fits a latent space of so many dimensions.
  read() {
    const said = new URLSearchParams(location.hash.slice(1));
    const found = {};
    for (const [name, [parse]] of Object.entries(ENTRIES)) {
      const value = said.has(name) ? parse(said.get(name)) : this.first[name];
      found[name] = fits(name, value, this.first) ? value : this.first[name];
    }
    if (found.across === found.up) Object.assign(found, { across: this.first.across, up: this.first.up });
    this.set(found);
  }

  link() {
    const said = [];
    for (const [name, [, write]] of Object.entries(ENTRIES)) {
      const value = this.values[name];
      const text = value === null || value === undefined ? "" : write(value);
      const first = this.first[name];
      if (text && text !== (first === null ? "" : write(first))) said.push(`${name}=${encodeURIComponent(text).replaceAll("%2C", ",")}`);
    }
    return said.join("&");
  }

  write() {
    this.written = this.link();
    history.replaceState(null, "", this.written ? `#${this.written}` : location.pathname + location.search);
  }
}

function fits(name, value, first) {
  const dims = first.at.length;
  if (["at", "a", "b"].includes(name)) return value === null || (value.length === dims && value.every(Number.isFinite));
  if (name === "view") return value === null || (value.length === 3 && value.every(Number.isFinite) && value[2] > 0);
  if (name === "across" || name === "up") return Number.isInteger(value) && value >= 0 && value < Math.max(dims, 2);
  return true;
}
