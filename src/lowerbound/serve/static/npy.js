// NumPy's .npy: a matrix of float32 or float64, little-endian, row by row.

export function matrix(buffer) {
  const view = new DataView(buffer);
  const long = view.getUint8(6) > 1;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const header = new TextDecoder().decode(new Uint8Array(buffer, start - length, length));
  const [rows, width = 1] = header.match(/'shape': \(([^)]*)\)/)[1].split(",").filter((n) => n.trim()).map(Number);
  const type = header.match(/'descr': '([^']*)'/)[1];
  const kinds = { "<f4": Float32Array, "<f8": Float64Array, "|u1": Uint8Array, "<i8": BigInt64Array };
  const kind = kinds[type];
  if (!kind || header.includes("'fortran_order': True")) throw new Error(`expected float32 rows, found ${type}`);
  const whole = start % kind.BYTES_PER_ELEMENT ? buffer.slice(start) : buffer;
  const values = new kind(whole, whole === buffer ? start : 0, rows * width);
  return { values: type === "<i8" ? Float64Array.from(values, Number) : values, rows, width };
}
