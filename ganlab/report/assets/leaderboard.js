// Who is ahead: groups ranked by the mean over their seeds, with every seed in sight.

function leaderboard(body) {
  const all = groups();
  if (!lot().protocol) {
    fill(body, element("p", { class: "empty" }, "These runs have no number whose protocol is known; nothing of them is ranked."));
    return;
  }
  if (!view.metric) {
    fill(body, element("p", { class: "empty" }, "These runs have measured nothing to rank by."));
    return;
  }
  const rows = ranking(all);
  const ranked = rows.filter((row) => row.mean);
  ranked.forEach((row, i) => { row.rank = i + 1; });
  const versus = againstBest(all, ranked[0]);
  fill(body, element("p", { class: "lead" }, verdict(ranked, versus)),
    table("leaderboard", columns(rows, versus), rows, { start: "rank", row: ({ group }) => ({ "data-group": group.name }) }), remarks(rows));
}

function againstBest(all, best) {
  const result = new Map();
  if (!best) return result;
  for (const pair of pairs(all)) {
    const [one, other] = [pair.first.group.name, pair.second.group.name];
    if (one === best.group.name) result.set(other, pair);
    if (other === best.group.name) result.set(one, pair);
  }
  return result;
}

function verdict(ranked, versus) {
  if (!ranked.length) return view.score === "equal" ? "No run has come as far as this budget." : "No run has finished yet; choose “at equal budget” to compare runs in progress.";
  const best = ranked[0], name = element("b", {}, best.group.name), value = ` has the best mean ${view.metric}: ${meanText(best.mean)}`;
  if (ranked.length === 1) return [name, `${value}, n = ${best.mean.n}.`];
  const p = ({ group }) => versus.get(group.name)?.corrected;
  const said = (words, fits) => {
    const names = ranked.slice(1).filter((row) => fits(p(row))).map(({ group }) => group.name);
    return names.length ? ` ${words}: ${names.join(", ")}.` : "";
  };
  return [name, `${value}, n = ${best.mean.n}.`, said("Worse by more than seed noise", (p) => p < 0.05), said("Not told apart from it by these seeds", (p) => p >= 0.05),
    said(`Not judged (fewer than ${DATA.least} seeds, or none that differ)`, (p) => p === undefined)];
}

function columns(rows, versus) {
  const scale = stripScale(rows);
  const metric = (name) => ({ key: `metric:${name}`, label: name, numeric: true,
    title: `mean ± half the ${DATA.level * 100} % t interval over seeds; ${direction(name) === "max" ? "higher" : "lower"} is better`,
    value: (row) => summary(row.group, name).mean?.value, cell: (row) => meanText(summary(row.group, name).mean) });
  const cost = (axis, label) => ({ key: `cost:${axis}`, label, numeric: true, title: `${CLOCK_NAMES[axis]} behind ${view.metric}, mean`,
    value: (row) => spent(row, axis), cell: (row) => number(spent(row, axis), 3) });
  return [
    { key: "rank", label: "#", numeric: true, value: (row) => row.rank, cell: (row) => row.rank ?? "–" },
    { key: "group", label: view.by, value: (row) => row.group.value, cell: (row) => [swatch(row.group), " ", element("span", { class: "name" }, row.group.name)] },
    { key: "seeds", label: "n", numeric: true, title: "runs counted, of all runs of the group", value: (row) => row.counted.length,
      cell: (row) => `${row.counted.length} of ${row.group.runs.length}` },
    metric(view.metric),
    { key: "strip", label: stripHead(scale), cell: (row) => strip(row, scale) },
    { key: "versus", label: "against the best", title: "Holm-corrected over all pairs", value: (row) => versus.get(row.group.name)?.corrected ?? (row.rank === 1 ? -1 : null),
      cell: (row) => versusText(row, versus.get(row.group.name)) },
    cost("images", "images"), cost("iteration", "G steps"), cost("seconds", "device-s"),
    ...metrics().filter((name) => name !== view.metric).map(metric),
  ];
}

function versusText(row, pair) {
  if (row.rank === 1) return element("span", { class: "pill good" }, "best");
  if (!row.mean) return "–";
  if (pair?.corrected === undefined) return element("span", { class: "muted" }, Math.min(...(pair?.n ?? [0])) < DATA.least ? `too few seeds` : "no spread");
  return pair.corrected < 0.05 ? element("span", { class: "pill bad" }, `worse, p ${pText(pair.corrected)}`)
    : element("span", { class: "pill" }, `${NOT_TOLD_APART} (p ${pText(pair.corrected)})`);
}

const NOT_TOLD_APART = "not told apart";
const pText = (p) => (p < 0.001 ? "< 0.001" : `= ${p.toFixed(p < 0.1 ? 3 : 2)}`);

function spent(row, axis) {
  const known = row.counted.map(({ run, score }) => clockAt(run, score.images ?? NaN, axis)).filter(Number.isFinite);
  return known.length ? mean(known) : null;
}

function stripScale(rows) {
  const values = rows.flatMap(({ counted }) => counted.map(({ score }) => score.value));
  const ends = rows.flatMap(({ mean }) => (mean?.half ? [mean.value - mean.half, mean.value + mean.half] : []));
  const [low, high] = extent(values);
  const log = low > 0 && high / low > 20;
  const [from, to] = log ? [low, high] : extent([...values, ...ends]);
  return Object.assign((log ? logScale : linearScale)(from, to, 6, 194), { from, to, log });
}

function stripHead({ from, to, log }) {
  return element("span", { class: "striphead", title: "every run, the mean and its interval" }, element("span", {}, brief(from)),
    element("span", {}, log ? "logarithmic" : ""), element("span", {}, brief(to)));
}

function strip({ group, counted, mean: middle }, scale) {
  const at = (value) => Math.max(2, Math.min(198, scale.log && value <= 0 ? 2 : scale(value)));
  const svg = element("svg", { class: "strip", viewBox: "0 0 200 20", width: 200, height: 20, "aria-hidden": "true" },
    element("line", { class: "grid", x1: 2, x2: 198, y1: 10, y2: 10 }));
  if (middle?.half) svg.append(element("rect", { x: at(middle.value - middle.half), y: 6.5, rx: 3.5, height: 7,
    width: Math.max(2, at(middle.value + middle.half) - at(middle.value - middle.half)), style: `fill:${group.colour};opacity:.28` }));
  for (const { run, score } of counted) {
    svg.append(element("circle", { cx: at(score.value), cy: 10, r: 3, style: `fill:${group.colour};opacity:.75` },
      element("title", {}, `${run.name} (seed ${run.seed ?? "?"}): ${number(score.value)}`)));
  }
  if (middle) svg.append(element("line", { x1: at(middle.value), x2: at(middle.value), y1: 2, y2: 18, class: "meantick" }));
  return svg;
}

function remarks(rows) {
  const said = [];
  const mixed = rows.filter(({ group }) => group.mixes).map(({ group }) => group.name);
  if (mixed.length) said.push(`Runs of ${mixed.join(", ")} differ in more than the seed: their intervals and tests cover more than seed noise. Group by setting to part them.`);
  const ill = rows.flatMap(({ group }) => {
    const runs = group.runs.filter((run) => run.findings.length), rules = new Set(runs.flatMap((run) => run.findings.map(({ rule }) => rule)));
    return runs.length ? [`${group.name} (${runs.length} of ${group.runs.length} runs: ${[...rules].join(", ")})`] : [];
  });
  if (ill.length) said.push(`The game was not healthy all along: ${ill.join("; ")}. What was the matter, when, and what to try stands with each run under “All runs”.`);
  const stands = lot().runs.filter((run) => run.repeats.length);
  if (stands.length) said.push(`Runs of the same seed, configuration and data tell no more than one of them; each is shown once: ${stands.map(standsFor).join("; ")}.`);
  const again = rows.flatMap((row) => row.again.map(({ run }) => run.name));
  if (again.length) said.push(`The same seed, configuration and data count once in a group, at the largest budget; not counted again: ${again.join(", ")}.`);
  const left = rows.flatMap(({ group, counted, again }) => group.runs.filter((run) => ![...counted, ...again].some((one) => one.run === run)));
  const failed = left.filter((run) => run.state === "failed").length;
  if (left.length) said.push(`Not counted: ${left.length} of ${lot().runs.length} runs${failed ? `, ${failed} of which failed; a mean over what survived flatters` : ""}.`);
  const ends = new Set(rows.flatMap(({ counted }) => counted.map(({ run }) => run.budget)));
  if (view.score !== "equal" && ends.size > 1) said.push("The runs were trained for unlike budgets; choose “at equal budget” to compare them fairly.");
  if (view.score === "best") said.push("The best value of a run was chosen by the metric itself and flatters noisy runs.");
  return said.length ? element("ul", { class: "remarks" }, said.map((text) => element("li", {}, text))) : null;
}
