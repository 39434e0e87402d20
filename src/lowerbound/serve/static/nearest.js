// The point that is nearest to a place of the plane, among the first of them, which are a fair part of all.

const MOST = 20_000;

export function nearest(positions, x, y) {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < Math.min(positions.length / 2, MOST); i++) {
    const distance = (positions[2 * i] - x) ** 2 + (positions[2 * i + 1] - y) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
