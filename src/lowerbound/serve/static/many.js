// Several rows: images, bars and molecules side by side, rows of a table as columns of one, so that what changes is
// seen.

import { made } from "./elements.js";
import { moleculesIn, Structure, structuresOf } from "./molecules.js";
import { inUnits } from "./numbers.js";
import { cellsOf } from "./rows.js";
import { BarsShown } from "./shown.js";

// `titles`, one a row, may be empty.
export function manyShown(scene, images, rows, titles, wrapped = false) {
  if (scene.form === "table") return moleculesIn(scene) < 0 ? table(scene, rows, titles) : molecules(scene, rows, titles, wrapped);
  const tiles = rows.map((row, i) => {
    let node;
    if (scene.form === "images") {
      node = images.canvas();
      images.paint(node, row);
    } else {
      const bars = new BarsShown(scene);
      bars.show(row);
      node = bars.canvas;
    }
    node.setAttribute("aria-label", titles[i] || `row ${i + 1} of ${rows.length}`);
    return made("li", {}, made("figure", {}, node, ...(titles[i] ? [made("figcaption", { textContent: titles[i] })] : [])));
  });
  return made("ol", { className: wrapped ? "strip many" : "strip" }, ...tiles);
}

// Structures over their SMILES, and a table of the other columns.
function molecules(scene, rows, titles, wrapped) {
  const place = moleculesIn(scene);
  const smiles = rows.map((row) => cellsOf(row, scene.columns)[place]);
  const shown = smiles.map(() => new Structure());
  // What is not drawn stands below as text.
  structuresOf(smiles).then((found) => found.forEach((each, i) => shown[i].draw(each, smiles[i])), () => {});
  const tiles = shown.map(({ node }, i) => {
    const title = smiles[i] ?? "missing";
    const words = titles[i] ? [made("strong", { textContent: titles[i] }), ` ${title}`] : [title];
    return made("li", {}, made("figure", {}, node, made("figcaption", { title }, ...words)));
  });
  const strip = made("ol", { className: wrapped ? "strip many" : "strip" }, ...tiles);
  const others = { columns: scene.columns.map((column, i) => (i === place ? { ...column, encoded: false } : column)) };
  return made("div", {}, strip, others.columns.some(({ encoded }) => encoded) ? table(others, rows, titles) : "");
}

function table({ columns }, rows, titles) {
  const cells = rows.map((row) => cellsOf(row, columns));
  const head = made("tr", {}, made("th", { scope: "col", textContent: "column" }), ...cells.map((_, i) => made("th", { scope: "col", textContent: titles[i] || `${i + 1}` })));
  const lines = columns.map((column, j) => {
    if (!column.encoded) return "";
    const values = cells.map((row, i) => {
      const text = inUnits(row[j], column);
      const moved = titles[i] && i > 0 && text !== inUnits(cells[i - 1][j], column);
      return made("td", { textContent: text, className: moved ? "moved" : "" });
    });
    return made("tr", {}, made("th", { scope: "row", textContent: column.name }), ...values);
  });
  return made("table", {}, made("thead", {}, head), made("tbody", {}, ...lines));
}
