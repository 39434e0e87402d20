// A row as its cells: a record by name, or a list.

// The cells of a row in the order of the columns.
export const cellsOf = (row, columns) => (Array.isArray(row) || ArrayBuffer.isView(row) ? row : columns.map(({ name }) => row[name] ?? null));

// The row that the server takes, of cells; what a model leaves out is left out of a record.
export function rowOf(cells, { named, columns }) {
  if (!named) return Array.from(cells, (cell, i) => (cell === null && !columns[i].encoded ? columns[i].low : cell));
  const said = columns.map(({ name, encoded }, i) => [name, cells[i], encoded]);
  return Object.fromEntries(said.filter(([, , encoded]) => encoded).map(([name, cell]) => [name, cell]));
}
