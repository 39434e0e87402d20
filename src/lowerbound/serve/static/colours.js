// The colours of the style sheet, as numbers.

const STOPS = ["low", "lower", "middle", "higher", "high"];

// [red, green, blue] from 0 to 255 of a custom property.
export function colour(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

// From low to high, at t from 0 to 1.
export function ramp(stops, t) {
  const place = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((channel, i) => channel + (stops[low + 1][i] - channel) * (place - low));
}

export const stops = () => STOPS.map(colour);

export const rgb = (channels) => `rgb(${channels.map(Math.round).join(" ")})`;

// 256 colours, by a point's byte: classes, or numbers from low to high; 254 others, 255 missing. `off` are the
// classes that are not shown.
export function palette(legend, off) {
  const values = new Uint8Array(256 * 4).fill(255);
  const put = (place, channels) => values.set(channels.map(Math.round), 4 * place);
  const [other, all, between] = [colour("other"), colour("validation"), stops()];
  for (let place = 0; place < 254; place++) {
    if (legend === null) put(place, all);
    else if (legend.kind === "numbers") put(place, ramp(between, place / 253));
    else put(place, place < 10 ? colour(`class-${place}`) : other);
  }
  put(254, other);
  put(255, other);
  for (const place of off) values[4 * place + 3] = 0;
  return values;
}

// Called when the page turns dark or light.
export const onScheme = (call) => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", call);
