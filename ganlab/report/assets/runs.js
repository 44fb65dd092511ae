// Every run by itself: its state, how far it is, what it measured, and why it failed.

const search = { text: "" };

function runTable(body) {
  const states = ["failed", "stale", "unknown", "preempted", "running", "finished"];
  const result = element("div", {});
  const draw = () => {
    const wanted = search.text.toLowerCase();
    const rows = lot().runs.filter((run) => !wanted || [run.name, run.config.setting, run.state, run.reason, run.notes].some((text) => text && String(text).toLowerCase().includes(wanted)));
    fill(result, table("runs", [
      { key: "name", label: "run", value: (run) => run.name, cell: (run) => element("span", { title: run.path, class: "name" }, run.name) },
      { key: "state", label: "state", value: (run) => states.indexOf(run.state), cell: (run) => element("span", { class: `pill state-${run.state}` }, run.state) },
      { key: "progress", label: "progress", numeric: true, value: (run) => (run.budget ? run.images / run.budget : null),
        cell: (run) => [run.budget ? element("progress", { max: 1, value: Math.min(1, run.images / run.budget), "aria-label": "progress" }) : null, ` ${brief(run.images)}`] },
      { key: "setting", label: "setting", value: (run) => run.config.setting, cell: (run) => element("span", { class: "name" }, run.config.setting) },
      { key: "seed", label: "seed", numeric: true, value: (run) => (run.seed === null ? null : Number(run.seed)), cell: (run) => run.seed ?? "–" },
      ...metrics().slice(0, 4).flatMap((metric) => [
        { key: `final:${metric}`, label: metric, numeric: true, title: "last value", value: (run) => run.final[metric] ?? null, cell: (run) => number(run.final[metric]) },
        lot().runs.some((run) => metric in run.best && run.best[metric] !== run.final[metric]) ? { key: `best:${metric}`, label: `best ${metric}`, numeric: true, value: (run) => run.best[metric] ?? null, cell: (run) => number(run.best[metric]) } : [],
      ].flat()),
      lot().runs.some((run) => run.fresh.metric) ? ["last", "best"].map((which) => ({ key: `fresh:${which}`, label: `${which}, fresh samples`, numeric: true, title: "of the checkpoint, on samples that had no part in choosing it",
        value: (run) => run.fresh[which] ?? null, cell: (run) => element("span", { title: run.fresh.metric ? `${run.fresh.metric} on ${run.fresh.samples}` : "" }, number(run.fresh[which])) })) : [],
      { key: "said", label: "remarks", value: (run) => remark(run), cell: (run) => element("span", { class: "long" }, remark(run)) },
      { key: "commit", label: "commit", value: (run) => run.commit, cell: (run) => (run.commit ? element("code", { title: run.commit }, run.commit.slice(0, 8) + (run.commit.endsWith("-dirty") ? "+" : "")) : "–") },
    ].flat(), rows, { start: "name", empty: "No run fits this search." }));
  };
  draw();
  fill(body, element("label", { class: "control" }, element("span", {}, "find"), element("input", { type: "search", value: search.text, placeholder: "name, setting, state, note",
    oninput: (event) => { search.text = event.target.value; draw(); } })), result);
}

function standsFor({ name, repeats }) {
  const first = repeats.slice(0, 3).map(({ path, kind }) => `${path} (${kind})`).join(", ");
  return `${name} stands for ${first}${repeats.length > 3 ? ` and ${repeats.length - 3} more` : ""}`;
}

const remark = (run) => [run.reason, ...run.problems, run.repeats.length ? standsFor(run) : null, run.notes, ...run.findings.map(({ said }) => said)].filter(Boolean).join(" · ");

function troubles(body) {
  const bad = DATA.runs.filter((run) => ["failed", "stale", "unknown"].includes(run.state) || run.problems.length);
  fill(body, bad.length ? table("troubles", [
    { key: "name", label: "run", value: (run) => run.name, cell: (run) => element("span", { title: run.path, class: "name" }, run.name) },
    { key: "state", label: "state", value: (run) => run.state, cell: (run) => element("span", { class: `pill state-${run.state}` }, run.state) },
    { key: "setting", label: "setting", value: (run) => run.config.setting, cell: (run) => run.config.setting },
    { key: "images", label: "images", numeric: true, value: (run) => run.images, cell: (run) => number(run.images) },
    { key: "why", label: "why", value: (run) => run.reason ?? "", cell: (run) => element("span", { class: "long" }, [run.reason, ...run.problems].filter(Boolean).join(" · ") || "–") },
  ], bad) : element("p", { class: "empty" }, "Every run was read whole, and none failed."));
}
