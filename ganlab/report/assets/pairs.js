// Is the difference of two groups more than the noise of their seeds?

function pairTable(body) {
  const found = view.metric ? pairs(groups()) : [];
  if (!found.length) {
    fill(body, element("p", { class: "empty" }, "It takes two groups with a value each."));
    return;
  }
  const judged = found.filter((pair) => pair.p !== null).length;
  const sign = direction(view.metric) === "max" ? -1 : 1;
  const rows = found.map((pair) => (sign * pair.value <= 0 ? { ...pair, better: pair.first, worse: pair.second }
    : { ...pair, value: -pair.value, n: [...pair.n].reverse(), better: pair.second, worse: pair.first }));
  const label = ({ group }) => [swatch(group), " ", element("span", { class: "name" }, group.name)];
  const lead = !judged ? `None of the ${found.length} pairs has three runs on both sides, so none can be judged.`
    : `${rows.filter((pair) => pair.corrected < 0.05).length} of ${found.length} pairs differ in ${view.metric} by more than seed noise; `
      + (judged === 1 ? "one could be judged." : `${judged} could be judged, and their p values are corrected for all ${judged} (Holm).`);
  fill(body, element("p", { class: "lead" }, lead),
  table("pairs", [
    { key: "better", label: "better mean", value: (pair) => pair.better.group.name, cell: (pair) => label(pair.better) },
    { key: "worse", label: "other", value: (pair) => pair.worse.group.name, cell: (pair) => label(pair.worse) },
    { key: "value", label: "difference", numeric: true, title: `with its ${DATA.level * 100} % t interval, not corrected`,
      value: (pair) => pair.value, cell: (pair) => withHalf(pair.value, pair.half) },
    { key: "n", label: "n", numeric: true, value: (pair) => Math.min(...pair.n), cell: (pair) => (pair.test === "paired" ? `${pair.n[0]} pairs` : pair.n.join(" and ")) },
    { key: "test", label: "test", value: (pair) => pair.test ?? "", cell: (pair) => ({ paired: "paired t, by seed", Welch: "Welch t" })[pair.test] ?? "none" },
    { key: "p", label: "p (Holm)", numeric: true, value: (pair) => pair.corrected ?? null, cell: (pair) => (pair.corrected === undefined ? "–" : pText(pair.corrected).replace("= ", "")) },
    { key: "verdict", label: "more than seed noise?", value: (pair) => pair.corrected ?? null, cell: verdictCell },
  ], rows, { start: "p" }));
}

function verdictCell(pair) {
  if (pair.corrected === undefined) {
    return element("span", { class: "muted" }, Math.min(...pair.n) < DATA.least ? `no verdict: fewer than ${DATA.least} seeds` : "no verdict: the seeds do not differ");
  }
  return pair.corrected < 0.05 ? element("span", { class: "pill bad" }, "yes") : element("span", { class: "pill" }, NOT_TOLD_APART);
}
