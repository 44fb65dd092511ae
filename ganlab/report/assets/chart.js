// One chart of lines: axes, bands, thin lines of single runs, and what is under the pointer.

const MANY = 8; // groups, above which bands are drawn only of the one that is pointed at
const MARGIN = { top: 10, right: 14, bottom: 36, left: 56 };

// series: {name, group, colour, dash, width, opacity, points: [[x, y]], band: [[x, low, high]], n: [..]}
// y: {log, range}; hover: "x" lists all series with a name at one x, "nearest" names the one line that is closest.
function lineChart({ title, series, x, y = {}, height = 250, hover = "x", format = number }) {
  const many = new Set(series.map((line) => line.group)).size > MANY;
  const figure = element("figure", { class: many ? "chart many" : "chart" }, title ? element("figcaption", {}, title) : null);
  const draw = (width) => {
    const frame = scalesOf(many ? series.map((line) => ({ ...line, band: null })) : series, y, width, height);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": `${title ? title.textContent ?? title : "values"} against ${x}` }, axes(frame, x, width, height));
    svg.append(...series.filter((line) => line.band).map((line) => band(line, frame)));
    svg.append(...series.flatMap((line) => drawLine(line, frame)));
    svg.append(pointer(svg, series, frame, width, height, hover, format));
    figure.querySelector("svg")?.remove();
    figure.append(svg);
  };
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width > 60 && figure.dataset.width !== String(width)) { figure.dataset.width = width; draw(width); }
  }).observe(figure);
  return figure;
}

function scalesOf(series, y, width, height) {
  const all = series.flatMap((line) => line.points);
  const values = all.map((point) => point[1]).concat(series.flatMap((line) => (line.band ?? []).flatMap((b) => [b[1], b[2]])));
  const positive = values.filter((value) => value > 0);
  const log = y.log && positive.length > 0;
  let [low, high] = log ? extent(positive) : (y.robust ? robustExtent(values) : extent(values));
  if (!log) { const pad = 0.05 * (high - low); low -= pad; high += pad; }
  const [left, right] = extent(all.map((point) => point[0]));
  const scale = log ? logScale : linearScale;
  return { x: linearScale(left, right, MARGIN.left, width - MARGIN.right), log, low,
    y: scale(low, high, height - MARGIN.bottom, MARGIN.top), clip: [MARGIN.top, height - MARGIN.bottom] };
}

function axes(frame, label, width, height) {
  const bottom = height - MARGIN.bottom;
  const across = frame.y.ticks(5).map((tick) => [
    element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: frame.y(tick), y2: frame.y(tick) }),
    element("text", { class: "tick", x: MARGIN.left - 7, y: frame.y(tick) + 3.5, "text-anchor": "end" }, brief(tick)),
  ]);
  const down = frame.x.ticks(Math.max(2, width / 90)).map((tick) =>
    element("text", { class: "tick", x: frame.x(tick), y: bottom + 15, "text-anchor": "middle" }, brief(tick)));
  return [across.flat(), down, element("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: bottom, y2: bottom }),
    element("text", { class: "label", x: width - MARGIN.right, y: height - 4, "text-anchor": "end" }, label)].flat();
}

const rowOf = (frame, value) => {
  const pixel = frame.log && value <= 0 ? frame.clip[1] : frame.y(value);
  return Math.max(frame.clip[0], Math.min(frame.clip[1], pixel)).toFixed(1);
};

function band(line, frame) {
  const up = line.band.map(([x, , high]) => `${frame.x(x).toFixed(1)},${rowOf(frame, high)}`);
  const down = line.band.map(([x, low]) => `${frame.x(x).toFixed(1)},${rowOf(frame, low)}`).reverse();
  return element("path", { class: "band", "data-group": line.group, d: `M${[...up, ...down].join("L")}Z`, style: `fill:${line.colour}` });
}

// A gap where a value is missing, and where `n` changes: a mean over other runs is another curve.
function drawLine(line, frame) {
  const pieces = [];
  line.points.forEach(([x, value], i) => {
    if (value === null || !Number.isFinite(value)) return;
    const before = line.points[i - 1];
    const goesOn = i > 0 && before[1] !== null && Number.isFinite(before[1]) && (!line.n || line.n[i] === line.n[i - 1]);
    const at = `${frame.x(x).toFixed(1)},${rowOf(frame, value)}`;
    if (goesOn) pieces[pieces.length - 1].push(at); else pieces.push([at]);
  });
  const style = `stroke:${line.colour};stroke-width:${line.width ?? 2};opacity:${line.opacity ?? 1}`;
  return pieces.map((piece) => (piece.length > 1
    ? element("path", { class: "line", "data-group": line.group, d: `M${piece.join("L")}`, style, "stroke-dasharray": line.dash })
    : element("circle", { "data-group": line.group, cx: piece[0].split(",")[0], cy: piece[0].split(",")[1], r: 3,
      style: `fill:${line.colour};opacity:${line.opacity ?? 1}` })));
}

function pointer(svg, series, frame, width, tall, hover, format) {
  const rule = element("line", { class: "rule", y1: frame.clip[0], y2: frame.clip[1], visibility: "hidden" });
  const named = series.filter((line) => line.name && line.points.length);
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    const at = frame.x.invert((event.clientX - box.left) * width / box.width);
    const y = (event.clientY - box.top) * tall / box.height;
    const found = named.map((line) => ({ line, i: nearest(line.points, at) })).filter(({ line, i }) => line.points[i][1] !== null);
    if (!found.length) return;
    const shown = hover === "x" ? sameX(found, at)
      : [found.reduce((best, one) => (distance(one, frame, y) < distance(best, frame, y) ? one : best))];
    const x = shown[0].line.points[shown[0].i][0];
    rule.setAttribute("x1", frame.x(x)); rule.setAttribute("x2", frame.x(x)); rule.setAttribute("visibility", "visible");
    tip.show(event, element("b", {}, number(Number(x.toPrecision(6)))), shown.map(({ line, i }) => element("div", { class: "tiprow" },
      swatch(line), element("span", {}, line.name), element("span", { class: "num" }, format(line.points[i][1]) + (line.says?.(i) ?? "")))));
  };
  const leave = () => { rule.setAttribute("visibility", "hidden"); tip.hide(); };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerleave", leave);
  return rule;
}

const distance = ({ line, i }, frame, y) => Math.abs(rowOf(frame, line.points[i][1]) - y);

// The series that have a point near the nearest one, the smallest value first.
function sameX(found, at) {
  const off = ({ line, i }) => Math.abs(line.points[i][0] - at);
  const closest = found.reduce((best, one) => (off(one) < off(best) ? one : best));
  const x = closest.line.points[closest.i][0];
  const step = Math.abs(x - (closest.line.points[closest.i - 1] ?? closest.line.points[closest.i + 1] ?? [x + 1])[0]);
  return found.filter(({ line, i }) => Math.abs(line.points[i][0] - x) <= step)
    .sort((a, b) => a.line.points[a.i][1] - b.line.points[b.i][1]).slice(0, 24);
}

function nearest(points, x) {
  let low = 0, high = points.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (points[middle][0] < x) low = middle; else high = middle; }
  return Math.abs(points[low][0] - x) <= Math.abs(points[high][0] - x) ? low : high;
}
