// A table that is sorted by a click on a heading, and stays so when its rows change.

const sorting = new Map();
const ROWS = 400; // that are drawn; more of them nobody reads, and the browser crawls

// columns: {key, label, title, numeric, value(row) to sort by, cell(row) to show}
function table(id, columns, rows, { start, empty = "Nothing to show.", row = () => ({}) } = {}) {
  const state = sorting.get(id) ?? { key: start ?? columns[0].key, down: false };
  sorting.set(id, state);
  const body = element("tbody", {});
  const headings = columns.map((column) => element("th", { scope: "col", class: column.numeric ? "num" : null, "data-key": column.key },
    column.value ? element("button", { type: "button", title: column.title, onclick: () => {
      state.down = state.key === column.key ? !state.down : false;
      state.key = column.key;
      order();
    } }, column.label) : column.label));
  const order = () => {
    const column = columns.find((one) => one.key === state.key && one.value) ?? columns.find((one) => one.value);
    columns.forEach((one, i) => headings[i].setAttribute("aria-sort",
      one !== column ? "none" : state.down ? "descending" : "ascending"));
    const missing = (value) => value === null || value === undefined || Number.isNaN(value);
    const sorted = rows.map((one) => [column.value(one), one]).sort(([a], [b]) => {
      if (missing(a) || missing(b)) return missing(a) - missing(b); // last, whichever way it is sorted
      return (state.down ? -1 : 1) * compareValues(a, b);
    });
    fill(body, sorted.slice(0, ROWS).map(([, one]) => element("tr", row(one), columns.map((column) =>
      element("td", { class: column.numeric ? "num" : null }, column.cell(one))))));
  };
  order();
  if (!rows.length) return element("p", { class: "empty" }, empty);
  return [element("div", { class: "scroll" }, element("table", { id }, element("thead", {}, element("tr", {}, headings)), body)),
    rows.length > ROWS ? element("p", { class: "hint" }, `The first ${ROWS} of ${number(rows.length)} rows in this order.`) : null];
}
