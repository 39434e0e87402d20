// A row of a table as a form, a field a column; an empty one is a missing value.

import { made, option } from "./elements.js";

export class Form {
  constructor({ columns }, changed) {
    this.columns = columns;
    this.fields = columns.map((column) => (column.encoded ? field(column) : null));
    const labels = columns.map((column, i) => this.fields[i] && made("label", { title: `${column.name}: ${column.words}` }, column.name, this.fields[i]));
    this.node = made("div", { className: "form", role: "group", "aria-label": "A row", tabIndex: 0 }, ...labels.filter(Boolean));
    this.node.addEventListener("input", changed);
  }

  hold(cells) {
    this.fields.forEach((input, i) => {
      if (input) input.value = cells[i] === null || cells[i] === undefined ? "" : shown(cells[i], this.columns[i]);
    });
  }

  get cells() {
    return this.columns.map((column, i) => {
      const text = this.fields[i]?.value.trim() ?? "";
      if (text === "") return null;
      return numeric(column) ? Number(text.replace("−", "-")) : text;
    });
  }

  // Whether all that is written can be read.
  get usable() {
    return this.cells.every((cell, i) => {
      const bad = typeof cell === "number" && Number.isNaN(cell);
      this.fields[i]?.classList.toggle("bad", bad);
      return !bad;
    });
  }
}

const numeric = ({ kind }) => ["number", "rounded", "whole", "bit", "grey", "span"].includes(kind);

function shown(cell, column) {
  if (typeof cell !== "number") return String(cell);
  return column.whole ? String(Math.round(cell)) : String(Number(cell.toPrecision(6)));
}

function field(column) {
  if (column.levels) return made("select", {}, option("", "missing"), ...column.levels.map((level) => option(level, level)));
  const hint = column.low === null ? "" : `${column.low} to ${column.high}`;
  return made("input", { type: "text", inputMode: numeric(column) ? "decimal" : "text", placeholder: hint, autocomplete: "off" });
}
