// Every run as one line through the settings that vary, to the value it reached. Drag along an axis to pick a range.

const brushes = new Map();

function parallel(body) {
  const runs = lot().runs.filter((run) => view.metric && score(run));
  const { drawn, remarks: hidden } = axisKeys(runs);
  if (runs.length < 2 || !drawn.length) {
    fill(body, element("p", { class: "empty" }, "It takes two runs with a value and a setting in which they differ."));
    return;
  }
  const figure = element("figure", { class: "chart" });
  const draw = (width) => fill(figure, parallelPlot(runs, drawn, width, () => draw(width)));
  new ResizeObserver(([entry]) => { if (entry.contentRect.width > 60) draw(Math.round(entry.contentRect.width)); }).observe(figure);
  fill(body, figure, hidden.map((text) => element("p", { class: "hint" }, text)));
}

// The loss, numbers that vary, and what varies within a loss; one axis for keys that say the same of every run.
function axisKeys(runs) {
  const seen = new Map(), found = [], losses = runs.map((run) => run.config.loss);
  for (const key of ["loss", ...keys().filter((key) => !/^(setting|loss|seed|run\.|wandb\.|log\.|checkpoint\.)/.test(key)), "seed"]) {
    const values = runs.map((run) => run.config[key] ?? "–"), said = values.map(String);
    const pattern = said.map((value) => said.indexOf(value)).join();
    const ofLoss = key !== "loss" && said.every((value, i) => value === said[losses.indexOf(losses[i])]);
    if (new Set(said).size < 2 || seen.has(pattern) || (ofLoss && !values.every((value) => typeof value === "number"))) {
      if (seen.has(pattern)) seen.get(pattern).push(key);
      continue;
    }
    seen.set(pattern, [key]);
    found.push(key);
  }
  const drawn = found.length > 9 ? [...found.slice(0, 8), found[found.length - 1]] : found;
  const together = [...seen.values()].filter((keys) => keys.length > 1 && drawn.includes(keys[0]));
  const left = found.filter((key) => !drawn.includes(key));
  return { drawn, remarks: [...together.map(([key, ...others]) => `${key} stands for what varies with it: ${others.join(", ")}.`),
    ...(left.length ? [`There is no room for ${left.join(", ")}.`] : [])] };
}

function parallelPlot(runs, drawn, width, redraw) {
  const most = Math.max(...drawn.map((key) => new Set(runs.map((run) => run.config[key])).size).filter((n) => n <= 40), 18);
  const tall = 46 + 15 * most, top = 46, bottom = tall - 16, right = width - 78;
  const left = Math.min(190, 24 + 6.4 * Math.max(...runs.map((run) => raw(run.config[drawn[0]]).length)));
  const colour = (value) => `color-mix(in oklab, var(--bad-end) ${Math.round(100 * value)}%, var(--good-end))`;
  const axes = [...drawn.map((key) => axis(key, runs, (run) => run.config[key], top, bottom)),
    axis(view.metric, runs, (run) => score(run).value, top, bottom, direction(view.metric))];
  axes.forEach((one, i) => { one.x = left + (right - left) * i / (axes.length - 1); });
  const last = axes[axes.length - 1];
  const goodness = (run) => (bottom - last.place(run)) / (bottom - top); // the better, the higher up
  const kept = (run) => axes.every((one) => { const range = brushes.get(one.key); return !range || (one.place(run) >= range[0] && one.place(run) <= range[1]); });
  const ordered = [...runs].sort((a, b) => goodness(a) - goodness(b));
  const lines = ordered.map((run) => element("path", {
    class: kept(run) ? "run" : "run off", "data-group": String(run.config[view.by] ?? "not set"), style: `stroke:${colour(1 - goodness(run))}`,
    d: axes.map((one, i) => `${i ? "L" : "M"}${one.x.toFixed(1)},${one.place(run).toFixed(1)}`).join(""),
    onpointermove: (event) => tip.show(event, element("b", {}, run.name), axes.map((one) => element("div", { class: "tiprow" },
      element("span", {}, one.key), element("span", { class: "num" }, String(one.text(run)))))),
    onpointerleave: () => tip.hide() }));
  const svg = element("svg", { viewBox: `0 0 ${width} ${tall}`, width, height: tall, role: "img", "aria-label": `settings of ${runs.length} runs and their ${view.metric}` },
    lines, axes.map((one, i) => drawAxis(one, i, top, bottom)));
  axes.forEach((one) => svg.append(brush(svg, one, top, bottom, redraw)));
  return svg;
}

function axis(key, runs, read, top, bottom, better) {
  const values = runs.map(read), numeric = values.every((value) => typeof value === "number");
  if (!numeric || new Set(values).size <= 2) {
    const names = [...new Set(values.map((value) => value ?? "–"))].sort(compareValues);
    const at = (value) => (names.length === 1 ? (top + bottom) / 2 : bottom - (bottom - top) * names.indexOf(value ?? "–") / (names.length - 1));
    const turned = better === "min" ? (value) => top + bottom - at(value) : at;
    return { key, place: (run) => turned(read(run)), text: (run) => raw(read(run)), ticks: names.map((name) => [raw(name), turned(name)]) };
  }
  const [low, high] = extent(values), log = low > 0 && high / low >= (better ? 20 : 8);
  const scale = (log ? logScale : linearScale)(low, high, ...(better === "min" ? [top, bottom] : [bottom, top]));
  const few = [...new Set(values)], ticks = few.length <= 8 && !better ? few : scale.ticks(5);
  return { key, place: (run) => scale(read(run)), text: (run) => raw(read(run)), ticks: ticks.map((tick) => [ticks === few ? raw(tick) : brief(tick), scale(tick)]) };
}


function drawAxis(one, i, top, bottom) {
  const every = Math.ceil(one.ticks.length / ((bottom - top) / 14)); // of a category: all; of many numbers: what fits
  const outside = i === 0 ? { x: one.x - 9, "text-anchor": "end" } : { x: one.x + 9 }; // no line runs left of the first
  return element("g", {}, element("line", { class: "axis", x1: one.x, x2: one.x, y1: top, y2: bottom }),
    element("text", { class: "label strong", x: one.x, y: i % 2 ? top - 28 : top - 12, "text-anchor": "middle" }, clip(one.key.split(".").slice(-2).join("."), 24)),
    one.ticks.filter((_, j) => j % every === 0).map(([text, y]) => element("text", { class: "tick halo", ...outside, y: y + 3.5 }, clip(text, i ? 18 : 28))));
}

const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function brush(svg, one, top, bottom, redraw) {
  const range = brushes.get(one.key);
  const mark = element("rect", { class: "brush", x: one.x - 7, width: 14, y: range ? range[0] : top, height: range ? range[1] - range[0] : 0 });
  const y = (event) => { const box = svg.getBoundingClientRect(); return Math.max(top - 4, Math.min(bottom + 4, (event.clientY - box.top) * svg.viewBox.baseVal.height / box.height)); };
  const area = element("rect", { class: "brusharea", x: one.x - 9, width: 18, y: top - 6, height: bottom - top + 12 },
    element("title", {}, "drag to pick a range, click to drop it"));
  area.addEventListener("pointerdown", (event) => {
    const from = y(event);
    area.setPointerCapture(event.pointerId);
    area.onpointermove = (move) => { mark.setAttribute("y", Math.min(from, y(move))); mark.setAttribute("height", Math.abs(y(move) - from)); };
    area.onpointerup = (end) => {
      if (Math.abs(y(end) - from) < 4) brushes.delete(one.key); else brushes.set(one.key, [Math.min(from, y(end)), Math.max(from, y(end))]);
      redraw();
    };
  });
  return element("g", {}, mark, area);
}
