// Numbers in sentences.

const signed = (text) => text.replace("-", "−");

// So many figures, with commas and a true minus sign.
export function short(value, figures = 3) {
  if (value === null || !Number.isFinite(value)) return "none";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return signed(value.toExponential(figures - 1));
  const decimals = Math.max(0, figures - 1 - Math.floor(Math.log10(size || 1)));
  return fixed(value, Math.min(decimals, 6));
}

// So many decimals.
export function fixed(value, decimals) {
  const text = value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return signed(Number(text.replace(/,/g, "")) === 0 ? text.replace("-", "") : text);
}

// An estimate with its error, which has two figures and no more than two decimals, and is rounded up.
export function withError(value, error) {
  if (!(error > 0) || !Number.isFinite(error)) return fixed(value, 2);
  const decimals = Math.min(Math.max(1 - Math.floor(Math.log10(error)), 0), 2);
  return `${fixed(value, decimals)} ± ${fixed(Math.ceil(error * 10 ** decimals) / 10 ** decimals, decimals)}`;
}

// A value of a column in its own unit, with the column's decimals, of real numbers one figure more than whole.
export function inUnits(value, column) {
  if (value === null || value === undefined) return "missing";
  if (typeof value !== "number") return String(value);
  if (column.kind === "rounded") return fixed(value, column.decimals);
  if (column.whole && Number.isInteger(value)) return fixed(value, 0);
  return short(value);
}

// A number as an index, z₁.
export const lowered = (number) => String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

export const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
