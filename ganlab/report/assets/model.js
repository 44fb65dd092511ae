// The runs, and what of them is looked at: which protocol, grouped how, ranked by what, against which clock.

// A metric may be called constructor or __proto__: no object of the page's data has a name that is not in the data.
const DATA = JSON.parse(document.getElementById("data").textContent,
  (_, value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value));
const CLOCKS = { images: 0, iteration: 1, seconds: 2 };
const CLOCK_NAMES = { images: "real images shown to D", iteration: "G steps", seconds: "device-seconds (devices × s)" };
const COLOURS = 10;

const view = { lot: 0, by: DATA.opens.by, metric: DATA.opens.metric, score: "final", axis: "images", budget: null,
  focus: null, hidden: new Set(), log: null };

const unmeasured = DATA.runs.filter((run) => run.protocol === null);
const lots = DATA.protocols.map((protocol, i) => ({ protocol, runs: DATA.runs.filter((run) => run.protocol === i) }));
if (unmeasured.length) lots.push({ protocol: null, runs: unmeasured });
const lot = () => lots[view.lot];

// Metrics of the runs that are looked at, those to rank by first in the order of the page's data.
function metrics() {
  const there = (name) => lot().runs.some((run) => run.curves[name] || name in run.final);
  return lot().protocol ? Object.keys(DATA.directions).filter(there) : [];
}

const direction = (metric) => DATA.directions[metric];

// Keys that tell the runs apart that are looked at.
function keys() {
  const differs = (key) => new Set(lot().runs.map((run) => String(run.config[key]))).size > 1;
  return DATA.keys.filter((key) => key === "setting" || key === "loss" || differs(key));
}

function interpolate(x, xs, ys) {
  const n = xs.length;
  if (!n || ys.includes(null)) return NaN;
  if (n === 1) return x === xs[0] ? ys[0] : NaN;
  let i = 1;
  while (i < n - 1 && xs[i] < x) i++;
  const step = xs[i] - xs[i - 1];
  return step ? ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / step : ys[i];
}

// What a run's clock of this kind shows when it has seen so many images.
function clockAt(run, images, axis = view.axis) {
  return axis === "images" ? images : interpolate(images, run.clock[0], run.clock[CLOCKS[axis]]);
}

function reached(run, axis = view.axis) {
  const ticks = run.clock[CLOCKS[axis]];
  return ticks.length ? ticks[ticks.length - 1] ?? NaN : NaN;
}

// [x, y] of a curve on the clock that is looked at; points whose clock is not known are left out.
function points(run, curve) {
  if (!curve) return [];
  return curve[0].map((images, i) => [clockAt(run, images), curve[1][i]]).filter(([x]) => Number.isFinite(x));
}

// As far as every finished run has come; without one, as far as half of the runs have.
function commonBudget() {
  const finished = lot().runs.filter((run) => run.state === "finished");
  const ends = (finished.length ? finished : lot().runs).map((run) => reached(run)).filter((end) => end > 0).sort((a, b) => a - b);
  return ends[finished.length ? 0 : (ends.length - 1) >> 1] ?? 0;
}

// One entry of each draw, of the run that saw the most images, a whole one rather than a damaged one; as in repeats.py.
function independent(entries, runOf = (entry) => entry) {
  const longer = (a, b) => a.images - b.images || !a.problems.length - !b.problems.length;
  const chosen = new Map();
  for (const entry of entries) {
    const run = runOf(entry), key = run.draw ?? run;
    if (!chosen.has(key) || longer(run, runOf(chosen.get(key))) > 0) chosen.set(key, entry);
  }
  return [...chosen.values()];
}

// {value, images} of a run by a metric, or null if it does not count.
function score(run, metric = view.metric) {
  const curve = run.curves[metric];
  const at = (i) => ({ value: curve[1][i], images: curve[0][i] });
  if (view.score === "equal") {
    if (!curve || !(reached(run) >= view.budget)) return null;
    const i = curve[0].findLastIndex((images) => clockAt(run, images) <= view.budget);
    return i < 0 || curve[1][i] === null ? null : at(i);
  }
  if (run.state !== "finished") return null;
  if (view.score === "final") {
    const value = run.final[metric];
    return value === undefined || value === null ? null : { value, images: run.images };
  }
  if (!curve || !curve[0].length) return Number.isFinite(run.best[metric]) ? { value: run.best[metric], images: null } : null;
  const better = direction(metric) === "max" ? (a, b) => a > b : (a, b) => a < b;
  const i = curve[1].reduce((best, value, j) => (value !== null && better(value, curve[1][best]) ? j : best), 0);
  return at(i);
}

function compareValues(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

// Groups in the order of their names, which decides their colours whatever they are ranked by.
function groups() {
  const members = new Map();
  for (const run of lot().runs) {
    const value = run.config[view.by] ?? "not set";
    const name = String(value);
    if (!members.has(name)) members.set(name, { name, value, runs: [] });
    members.get(name).runs.push(run);
  }
  return [...members.values()].sort((a, b) => compareValues(a.value, b.value)).map((group, i) => ({
    ...group, colour: `var(--c${i % COLOURS})`, dash: ["", "7 3", "2 3", "9 3 2 3"][Math.floor(i / COLOURS) % 4],
    mixes: new Set(group.runs.map((run) => run.config.setting)).size > 1,
  }));
}

function summary(group, metric = view.metric) {
  const scored = group.runs.map((run) => ({ run, score: score(run, metric) })).filter(({ score }) => score);
  const counted = independent(scored, ({ run }) => run);
  return { counted, again: scored.filter((one) => !counted.includes(one)), mean: meanOverSeeds(counted.map(({ score }) => score.value)) };
}

// Groups with their summaries, best mean first, those without a mean last.
function ranking(all) {
  const sign = direction(view.metric) === "max" ? -1 : 1;
  const rows = all.map((group) => ({ group, ...summary(group) }));
  return [...rows.filter((row) => row.mean).sort((a, b) => sign * (a.mean.value - b.mean.value)), ...rows.filter((row) => !row.mean)];
}

// By seed; by run, which pairs with nothing, where a seed occurs twice or is not known.
function bySeed(counted) {
  const seeds = counted.map(({ run }) => run.seed);
  const unique = !seeds.includes(null) && new Set(seeds).size === seeds.length;
  return new Map(counted.map(({ run, score }) => [unique ? run.seed : run.path, score.value]));
}

function pairs(all) {
  const valued = all.map((group) => ({ group, ...summary(group) })).filter(({ counted }) => counted.length);
  const found = [];
  valued.forEach((first, i) => valued.slice(i + 1).forEach((second) => {
    found.push({ first, second, ...difference(bySeed(first.counted), bySeed(second.counted)) });
  }));
  const judged = found.filter((pair) => pair.p !== null);
  holm(judged.map((pair) => pair.p)).forEach((p, i) => { judged[i].corrected = p; });
  return found;
}
