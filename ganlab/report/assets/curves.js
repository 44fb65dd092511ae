// Metrics and health over the course of training.

function curves(body) {
  const shown = groups();
  const charts = metrics().map((metric) => metricChart(metric, shown)).filter(Boolean);
  fill(body, charts.length ? element("div", { class: "charts" }, charts) : element("p", { class: "empty" }, "There is no number whose protocol is known."));
}

function metricChart(metric, shown) {
  const open = shown.filter((group) => !view.hidden.has(group.name));
  const lines = open.flatMap((group) => group.runs.filter((run) => run.curves[metric]).map((run) => ({
    group: group.name, colour: group.colour, width: 1, opacity: open.length > MANY ? 0.2 : 0.45, points: points(run, run.curves[metric]) })));
  if (!lines.some((line) => line.points.length)) return null;
  const means = open.map((group) => groupCurve(group, (run) => run.curves[metric])).filter((line) => line.points.length);
  const values = lines.flatMap((line) => line.points.map((point) => point[1])).filter((value) => value > 0);
  const [low, high] = extent(values);
  const arrow = direction(metric) === "max" ? "↑ higher is better" : "↓ lower is better";
  return lineChart({ title: element("span", {}, metric, element("small", {}, ` ${arrow}`)), series: [...lines, ...means],
    x: CLOCK_NAMES[view.axis], y: { log: view.log ?? (direction(metric) === "min" && high / low > 20) } });
}

// Mean and band of a group's runs that have not failed, one of each draw, at the points where they were measured.
function groupCurve(group, curveOf) {
  const own = independent(group.runs.filter((run) => run.state !== "failed" && curveOf(run))).map((run) => points(run, curveOf(run)).filter(([, y]) => y !== null))
    .filter((curve) => curve.length);
  let xs = [...new Set(own.flatMap((curve) => curve.map(([x]) => x)))].sort((a, b) => a - b);
  if (xs.length > 1.5 * Math.max(0, ...own.map((curve) => curve.length))) { // measured at unlike points
    const [low, high] = extent(xs);
    xs = Array.from({ length: 61 }, (_, i) => low + (high - low) * i / 60);
  }
  const at = xs.map((x) => own.filter((curve) => curve[0][0] <= x && x <= curve[curve.length - 1][0])
    .map((curve) => interpolate(x, curve.map((point) => point[0]), curve.map((point) => point[1]))));
  const covered = xs.map((x, i) => [x, meanOverSeeds(at[i])]).filter(([, mean]) => mean);
  const bands = covered.filter(([, mean]) => mean.half !== null);
  return { name: group.name, group: group.name, colour: group.colour, dash: group.dash, width: 2.2,
    points: covered.map(([x, mean]) => [x, mean.value]), n: covered.map(([, mean]) => mean.n),
    band: bands.length > 1 ? bands.map(([x, mean]) => [x, mean.value - mean.half, mean.value + mean.half]) : null,
    says: (i) => { const { half, n } = covered[i][1]; return half === null ? `  (n ${n})` : ` ± ${number(half, 2)}  (n ${n})`; } };
}

const HEALTH_ORDER = ["loss/d", "loss/g", "score/real", "score/fake"];

function health(body) {
  const shown = groups().filter((group) => !view.hidden.has(group.name));
  const names = [...new Set(lot().runs.flatMap((run) => Object.keys(run.health)))];
  const place = (name) => (HEALTH_ORDER.includes(name) ? HEALTH_ORDER.indexOf(name) : name.startsWith("time/") ? 99 : 50);
  names.sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  const charts = names.map((name) => healthChart(name, shown)).filter(Boolean);
  fill(body, charts.length ? element("div", { class: "charts small" }, charts) : element("p", { class: "empty" }, "No log was found."));
}

function healthChart(name, shown) {
  const series = shown.length > MANY ? shown.map((group) => groupCurve(group, (run) => run.health[name])).filter((line) => line.points.length) : shown.flatMap((group) => group.runs.filter((run) => run.health[name]).map((run) => ({
    name: `${run.name} · ${group.name}`, group: group.name, colour: group.colour, dash: group.dash,
    width: 1.2, opacity: 0.65, points: points(run, run.health[name]) }))).filter((line) => line.points.length);
  return series.length ? lineChart({ title: name, series, x: CLOCK_NAMES[view.axis], y: { robust: true }, height: 190, hover: "nearest" }) : null;
}
