// What the runs were set to: the keys that differ, two runs side by side, and how every number was measured.

const compared = { first: null, second: null };

function configuration(body) {
  const runs = lot().runs;
  const varied = keys().filter((key) => key !== "setting" && key !== "loss");
  const values = (key) => {
    const counts = new Map();
    runs.forEach((run) => { const value = String(run.config[key] ?? "–"); counts.set(value, (counts.get(value) ?? 0) + 1); });
    return [...counts].sort(([a], [b]) => compareValues(a, b));
  };
  const spread = element("details", { open: varied.length <= 12 }, element("summary", {}, `${varied.length} keys differ between these ${runs.length} runs`),
    table("varied", [
      { key: "key", label: "key", value: (key) => key, cell: (key) => element("code", {}, key) },
      { key: "values", label: "values (runs)", cell: (key) => valueList(values(key)) },
    ], varied, { empty: "No key differs." }));
  const fixed = Object.entries(DATA.shared);
  const same = element("details", {}, element("summary", {}, `${fixed.length} keys are the same in all runs`),
    table("shared", [
      { key: "key", label: "key", value: ([key]) => key, cell: ([key]) => element("code", {}, key) },
      { key: "value", label: "value", value: ([, value]) => value, cell: ([, value]) => raw(value) },
    ], fixed, { empty: "No key is the same in all runs." }));
  fill(body, twoRuns(runs), spread, same);
}

function valueList(values) {
  const first = values.slice(0, 8).map(([value, n]) => element("span", { class: "chip" }, value, element("small", {}, ` ×${n}`)));
  return values.length > 8 ? [first, element("span", { class: "muted" }, ` and ${values.length - 8} more`)] : first;
}

function twoRuns(runs) {
  if (runs.length < 2) return null;
  const names = runs.map((run) => run.name);
  if (!names.includes(compared.first)) compared.first = names[0];
  if (!names.includes(compared.second)) compared.second = (runs.find((run) => run.config.setting !== runs[0].config.setting) ?? runs[1]).name;
  const result = element("div", {});
  const draw = () => {
    const [one, two] = [compared.first, compared.second].map((name) => runs.find((run) => run.name === name));
    const apart = DATA.keys.filter((key) => key !== "setting" && key !== "loss" && String(one.config[key]) !== String(two.config[key]));
    const column = (run, key) => ({ key, label: run.name, cell: (name) => raw(run.config[name]) });
    fill(result, table("diff", [{ key: "key", label: "key", value: (name) => name, cell: (name) => element("code", {}, name) }, column(one, "one"), column(two, "two")],
      apart, { empty: "Their configurations are the same." }));
  };
  const options = names.map((name) => [name, name]);
  draw();
  return element("div", { class: "diff" }, element("div", { class: "row" },
    choice("compare", options, compared.first, (name) => { compared.first = name; draw(); }),
    choice("with", options, compared.second, (name) => { compared.second = name; draw(); })), result);
}

function protocols(body) {
  const measured = lots.filter((one) => one.protocol);
  if (!measured.length) {
    fill(body, element("p", { class: "empty" }, "No run says how its numbers were measured."));
    return;
  }
  const fields = [...new Set(measured.flatMap((one) => Object.keys(one.protocol)))];
  const text = (value) => (value === undefined ? "–" : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));
  const apart = fields.filter((field) => new Set(measured.map((one) => text(one.protocol[field]))).size > 1);
  const rows = [...apart, ...fields.filter((field) => !apart.includes(field))];
  fill(body, element("p", { class: "lead" }, measured.length === 1 ? "All measured runs share one protocol, so their numbers compare."
    : `${measured.length} protocols: they are never ranked together. They differ in ${apart.join(", ")}.`),
  element("div", { class: "scroll" }, element("table", { id: "protocols" },
    element("thead", {}, element("tr", {}, element("th", {}, "field"), measured.map((one) => element("th", {}, `${lotName(one)} (${one.runs.length} run${one.runs.length > 1 ? "s" : ""})`)))),
    element("tbody", {}, rows.map((field) => element("tr", { class: apart.includes(field) ? "differs" : null }, element("td", {}, element("code", {}, field)),
      measured.map((one) => element("td", { class: "long" }, text(one.protocol[field])))))))), ofEachNumber());
}

// The fields of a protocol that say which samples were measured, run by run.
function ofEachNumber() {
  const runs = lot().runs.filter((run) => Object.keys(run.measured).length);
  const fields = [...new Set(runs.flatMap((run) => Object.keys(run.measured)))].sort();
  return element("details", {}, element("summary", {}, "Which samples the last numbers of each run are of"),
    table("measured", [
      { key: "name", label: "run", value: (run) => run.name, cell: (run) => element("span", { class: "name" }, run.name) },
      ...fields.map((field) => ({ key: field, label: field, value: (run) => run.measured[field], cell: (run) => run.measured[field] ?? "–" })),
    ], runs));
}
