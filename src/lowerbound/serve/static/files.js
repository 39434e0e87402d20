// A file that is dropped or chosen: an image for the model's shape, or a record for its columns.

// The values of an image file, as large as fits into the model's shape. Of a drawing on paper the ink counts.
export async function imageIn(file, images) {
  const { width, height, channels, low, high, ink } = images;
  const bitmap = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const size = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, (width - size[0]) / 2, (height - size[1]) / 2, ...size);
  const { data } = context.getImageData(0, 0, width, height);
  const light = Float32Array.from({ length: width * height * channels }, (_, i) => {
    const at = 4 * Math.floor(i / channels);
    return channels === 3 ? data[at + (i % 3)] / 255 : (0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]) / 255;
  });
  const edge = (light[0] + light[width - 1] + light[light.length - width] + light[light.length - 1]) / 4;
  const turned = ink && edge > 0.5;
  return light.map((value) => low + (turned ? 1 - value : value) * (high - low));
}

// The first record of a JSON or CSV file.
export async function recordIn(file) {
  const text = await file.text();
  if (/^\s*[[{]/.test(text)) {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found[0] : found;
  }
  const [names, cells] = text.trim().split(/\r?\n/, 2).map((line) => line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  if (!cells) throw new Error(`${file.name}: expected a line of names and a line of values, found one line`);
  return Object.fromEntries(names.map((name, i) => [name, cells[i] === "" || cells[i] === undefined ? null : cells[i]]));
}
