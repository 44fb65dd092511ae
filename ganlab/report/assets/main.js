// The page: a head, what is compared, and sections that are drawn when they come into sight.

const SECTIONS = [
  { id: "ranking", name: "Ranking", title: "Who is ahead", hint: "Mean over the seeds of a group ± half its 95 % t interval; none below three seeds, nor where all values are the same.", draw: leaderboard },
  { id: "trouble", name: "Failed", title: "Failed, stale and damaged runs", hint: "Of all protocols.", draw: troubles },
  { id: "curves", name: "Curves", title: "Over the course of training", hint: "Mean of each group with its 95 % t interval over seeds; thin lines are single runs. A mean breaks where its number of runs changes.", draw: curves },
  { id: "noise", name: "Seed noise", title: "More than seed noise?", hint: "Two-sided t tests: paired by seed where two groups have the same seeds, Welch's otherwise.", draw: pairTable },
  { id: "parallel", name: "Settings", title: "Settings and what came of them", hint: "One line a run; the better its value, the higher up it ends. Drag along an axis to pick a range.", draw: parallel },
  { id: "samples", name: "Samples", title: "Samples side by side", hint: "The averaged generator, the same latents in every run of a seed.", draw: samples },
  { id: "health", name: "Health", title: "Losses and health of the game", hint: "Losses of unlike objectives do not compare; their course does. Rare spikes are cut off.", draw: health },
  { id: "configuration", name: "Configuration", title: "Configurations", draw: configuration },
  { id: "all", name: "Runs", title: "All runs", draw: runTable },
  { id: "protocol", name: "Protocol", title: "How the numbers were measured", draw: protocols },
];

function lotName(one) {
  if (!one.protocol) return "not measured";
  const { extractor, reference, n_fake: n } = one.protocol;
  const words = [reference, extractor, n && `${number(n)} samples`].filter(Boolean).map(String);
  const name = [...new Set(words)].join(" · ") || "protocol";
  const alike = lots.filter((other) => other.protocol && ["extractor", "reference", "n_fake"].every((key) => other.protocol[key] === one.protocol[key]));
  return alike.length > 1 ? `${name} (${String.fromCharCode(65 + alike.indexOf(one))})` : name;
}

function head() {
  const runs = DATA.runs, count = (state) => runs.filter((run) => run.state === state).length;
  const facts = [["runs", runs.length], ["settings", new Set(lots.flatMap((one, i) => one.runs.map((run) => `${i} ${run.config.setting}`))).size],
    ["seeds", new Set(runs.map((run) => run.seed).filter((seed) => seed !== null)).size], ...["running", "preempted", "stale", "failed"].map((state) => [state, count(state)]),
    ["repeats left out", runs.reduce((sum, run) => sum + run.repeats.length, 0)]];
  const theme = element("button", { type: "button", class: "plain", id: "theme", title: "light or dark", onclick: () => {
    const chosen = document.documentElement.style.colorScheme;
    const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.style.colorScheme = dark ? "light" : "dark";
  } }, "◐");
  fill(document.getElementById("head"), element("div", { class: "titles" }, element("h1", {}, "ganlab report"),
    element("p", {}, `made ${DATA.made.slice(0, 16).replace("T", " ")} UTC by ganlab ${DATA.version}`)),
  element("dl", {}, facts.filter(([, n]) => n).map(([name, n]) => element("div", {}, element("dd", {}, number(n)), element("dt", {}, ["stale", "failed"].includes(name) ? element("a", { href: "#trouble" }, name) : name)))), theme);
}

function controls() {
  const lotSwitch = lots.length > 1 ? switcher("protocol", lots.map((one, i) => [i, `${lotName(one)} (${one.runs.length})`, "numbers of unlike protocols are never ranked together"]),
    view.lot, (i) => { view.lot = i; settle(); }) : null;
  const budget = view.score === "equal" ? budgetControl() : null;
  fill(document.getElementById("controls"), element("div", { class: "row" }, lotSwitch), element("div", { class: "row" },
    choice("group by", keys().map((key) => [key, key]), view.by, (key) => { view.by = key; view.hidden.clear(); update(); }),
    metrics().length ? choice("metric", metrics().map((name) => [name, name]), view.metric, (name) => { view.metric = name; update(); }) : null,
    switcher("score", [["final", "final", "the last value of finished runs"], ["best", "best", "the best value of finished runs"], ["equal", "at equal budget", "the last value before a budget, of every run that reached it"]],
      view.score, (score) => { view.score = score; view.budget ??= commonBudget(); update(); }),
    switcher("against", [["images", "images", CLOCK_NAMES.images], ["iteration", "G steps", CLOCK_NAMES.iteration], ["seconds", "device-seconds", "device-seconds spent in training steps, over all devices"]],
      view.axis, (axis) => { view.axis = axis; view.budget = commonBudget(); update(); }),
    budget, switcher("scale", [["auto", "auto"], ["linear", "linear"], ["log", "log"]], view.log === null ? "auto" : view.log ? "log" : "linear",
      (log) => { view.log = { auto: null, linear: false, log: true }[log]; update(); })), legend());
}

function budgetControl() {
  const most = Math.max(...lot().runs.map((run) => reached(run)).filter(Number.isFinite), view.budget);
  const shownBudget = element("output", {}, brief(view.budget));
  return element("label", { class: "control" }, element("span", {}, "budget"), element("input", { type: "range", min: 0, max: most, step: most / 200, value: view.budget,
    oninput: (event) => { shownBudget.textContent = brief(Number(event.target.value)); },
    onchange: (event) => { view.budget = Number(event.target.value); update(); } }), shownBudget);
}

function legend() {
  return element("div", { class: "legend", role: "group", "aria-label": "groups" }, groups().map((group) => element("button", { type: "button", "data-group": group.name, "aria-pressed": String(!view.hidden.has(group.name)),
    title: "click to hide or show in the charts", onclick: () => { if (!view.hidden.delete(group.name)) view.hidden.add(group.name); update(); },
    onpointerenter: () => focusOn(group.name), onpointerleave: () => focusOn(null) }, swatch(group), element("span", {}, group.name))));
}

function focusOn(name) {
  for (const node of document.querySelectorAll("#main [data-group]")) {
    node.classList.toggle("dim", name !== null && node.dataset.group !== name);
    node.classList.toggle("lit", node.dataset.group === name);
  }
}

const due = new Set();
const inSight = new IntersectionObserver((entries) => entries.forEach((entry) => {
  const one = SECTIONS.find(({ id }) => id === entry.target.id);
  one.visible = entry.isIntersecting;
  if (one.visible) draw(one);
}), { rootMargin: "600px" });

function draw(one) {
  if (due.delete(one)) one.draw(one.body);
}

function update() {
  tip.hide();
  controls();
  SECTIONS.forEach((one) => { due.add(one); if (one.visible) draw(one); });
}

// A choice that the runs of another protocol do not have goes back to what they have.
function settle() {
  if (!metrics().includes(view.metric)) view.metric = metrics()[0] ?? null;
  if (!keys().includes(view.by)) view.by = "setting";
  view.hidden.clear();
  const finished = view.metric && lot().runs.some((run) => score(run));
  if (!finished && view.score !== "equal") view.score = "equal";
  view.budget = commonBudget();
  update();
}

head();
fill(document.getElementById("main"), element("nav", { "aria-label": "sections" }, SECTIONS.map(({ id, name }) => element("a", { href: `#${id}` }, name))),
  SECTIONS.map((one) => { one.body = element("div", { class: "body" }); one.node = section(one.id, one.title, one.hint, one.body); return one.node; }));
settle();
SECTIONS.forEach((one) => inSight.observe(one.node));
addEventListener("beforeprint", () => SECTIONS.forEach(draw));
