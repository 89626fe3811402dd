// A small line of recent prices.

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 36;

/** Draws `values` into `svg` (viewBox 0 0 120 36), its area below. */
export function draw(svg, values) {
  if (values.length < 2) return;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, index) => [
    ((index / (values.length - 1)) * WIDTH).toFixed(1),
    (HEIGHT - 3 - ((value - low) / span) * (HEIGHT - 6)).toFixed(1),
  ]);
  const line = `M${points.map((point) => point.join(" ")).join("L")}`;
  const [area, stroke] = svg.children.length ? svg.children : [0, 1].map(() => svg.appendChild(document.createElementNS(NS, "path")));
  area.setAttribute("class", "area");
  area.setAttribute("d", `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`);
  stroke.setAttribute("class", "line");
  stroke.setAttribute("d", line);
}
