// Sample grids of many runs side by side, all after the same number of images, or each at its end (null).

const album = { at: undefined, all: false };
const SHOWN = 4; // runs of a group, unless all are asked for

function samples(body) {
  const runs = lot().runs.filter((run) => run.pictures.length);
  const drawn = new Set(runs.flatMap((run) => run.pictures.map((picture) => picture.at)));
  const points = [...drawn].filter((at) => at !== null).sort((a, b) => a - b);
  if (drawn.has(null)) points.push(null);
  if (!points.length) {
    fill(body, element("p", { class: "empty" }, "No run has drawn samples."));
    return;
  }
  if (!points.includes(album.at)) album.at = opening(runs, points);
  const place = () => (album.at === null ? "the end of each run" : `${number(album.at)} images`);
  const name = element("output", {}, place());
  const gallery = element("div", { class: "gallery" });
  const draw = () => { name.textContent = place(); fill(gallery, ranking(groups()).map(({ group }) => group).filter((group) => !view.hidden.has(group.name)).map(shelf)); };
  const slider = element("input", { type: "range", min: 0, max: points.length - 1, value: points.indexOf(album.at), step: 1, "aria-label": "real images shown to D",
    oninput: (event) => { album.at = points[Number(event.target.value)]; draw(); } });
  const many = groups().some((group) => group.runs.length > SHOWN);
  const all = many ? element("label", { class: "control" }, element("input", { type: "checkbox", checked: album.all,
    onchange: (event) => { album.all = event.target.checked; draw(); } }), `all runs of a group, not just ${SHOWN}`) : null;
  draw();
  fill(body, all, points.length > 1 ? element("label", { class: "control wide" }, element("span", {}, "after"), slider, name) : element("p", { class: "hint" }, `after ${place()}`), gallery);
}

// The last point at which most runs have drawn something of their training; without one, the end of each.
function opening(runs, points) {
  const most = (at) => 2 * runs.filter((run) => run.pictures.some((picture) => picture.at === at)).length > runs.length;
  return points.findLast((at) => at > 0 && most(at)) ?? points[points.length - 1];
}

function shelf(group) {
  const ordered = [...group.runs].sort((a, b) => compareValues(a.seed ?? "", b.seed ?? ""));
  const cards = ordered.map((run) => ({ run, picture: pictureOf(run) })).filter(({ picture }) => picture)
    .slice(0, album.all ? undefined : SHOWN);
  const shown = cards.length ? element("div", { class: "cards" }, cards.map(card)) : element("p", { class: "empty" }, "no grid at this point");
  return element("div", { class: "shelf", "data-group": group.name }, element("h3", {}, swatch(group), " ", group.name), shown);
}

const pictureOf = (run) => run.pictures.find((picture) => picture.at === album.at) ?? (album.at === null ? run.pictures[run.pictures.length - 1] : undefined);

const card = ({ run, picture }) => element("figure", {},
  element("img", { src: picture.uri, alt: `samples of ${run.name} after ${picture.images} images`, loading: "lazy" }),
  element("figcaption", {}, element("span", {}, run.name), element("small", {}, caption(run, picture))));

function caption(run, picture) {
  const curve = run.curves[view.metric], i = curve ? curve[0].indexOf(picture.images) : -1;
  const value = i >= 0 ? ` · ${view.metric} ${number(curve[1][i])}` : "";
  return `${picture.images === album.at ? "" : `${number(picture.images)} images · `}seed ${run.seed ?? "?"}${value}`;
}
