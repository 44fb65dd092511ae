// Elements and numbers. Text always goes in as text: a name or a note can hold no markup.

function element(tag, options = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "rect", "text", "title", "polyline"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") node.style.cssText = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return value.toLocaleString("en-US").replace("-", "−");
  if (size >= 1e6 || (size < 1e-3 && size > 0)) return value.toExponential(digits - 2).replace("-", "−");
  const shown = Number(value.toPrecision(digits));
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size || 1)));
  return shown.toLocaleString("en-US", { minimumFractionDigits: Math.min(places, 4), maximumFractionDigits: 6 })
    .replace("-", "−");
}

// A setting as it can be copied.
const raw = (value) => (value === null || value === undefined ? "–" : String(value));

// 240k, 1.2M: for axes.
function brief(value) {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`;
  }
  return size && size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

// A value and half its interval (> 0, or null) with the same places, two digits of the half at least; as with_half in Python.
function withHalf(value, half) {
  if (half === null) return number(value);
  const places = Math.max(0, 1 - Math.floor(Math.log10(half)));
  if (places > 6 || Math.abs(value) >= 1e6) return `${number(value)} ± ${number(half, 2)}`;
  const fixed = (x) => x.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }).replace("-", "−");
  return `${fixed(value)} ± ${fixed(half)}`;
}

const meanText = (mean) => (mean ? withHalf(mean.value, mean.half) : "–");

function section(id, title, hint, ...children) {
  return element("section", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title), hint ? element("p", { class: "hint" }, hint) : null, children);
}

function choice(label, options, value, change) {
  const select = element("select", { "aria-label": label, onchange: (event) => change(event.target.value) },
    options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)));
  return element("label", { class: "control" }, element("span", {}, label), select);
}

// A row of buttons of which one is pressed.
function switcher(label, options, value, change) {
  return element("div", { class: "control", role: "group", "aria-label": label }, element("span", {}, label),
    element("div", { class: "switch" }, options.map(([key, text, title]) => element("button", {
      type: "button", title, "aria-pressed": String(key === value), "data-key": key, onclick: () => change(key),
    }, text))));
}

const swatch = (group) => element("svg", { class: "swatch", viewBox: "0 0 22 10", "aria-hidden": "true" },
  element("line", { x1: 0, y1: 5, x2: 22, y2: 5, style: `stroke:${group.colour}`, "stroke-width": 3,
    "stroke-dasharray": group.dash }));

const tip = {
  show(event, ...content) {
    const node = fill(document.getElementById("tip"), content);
    node.hidden = false;
    const { width, height } = node.getBoundingClientRect();
    const left = event.clientX + 16 + width > innerWidth ? event.clientX - width - 16 : event.clientX + 16;
    node.style.left = `${Math.max(4, left)}px`;
    node.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 4))}px`;
  },
  hide() { document.getElementById("tip").hidden = true; },
};
