// The plane by keys.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEP = 12; // pixels

export function keys(plane, on) {
  plane.element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      if (event.shiftKey) plane.pan(-arrow[0] * 4 * STEP, arrow[1] * 4 * STEP);
      else on.step((arrow[0] * STEP) / plane.view.scale, (arrow[1] * STEP) / plane.view.scale);
    } else if (event.key === "+" || event.key === "=") plane.zoom(1.25);
    else if (event.key === "-") plane.zoom(0.8);
    else if (event.key === "0" || event.key === "Home") on.whole();
    else if (event.key === "a" || event.key === "A") on.pin("a");
    else if (event.key === "b" || event.key === "B") on.pin("b");
    else if (event.key === "Enter" || event.key === " ") on.pinNext();
    else if (event.key === "Escape") on.unpin();
    else return;
    event.preventDefault();
  });
}
