// Draws every figure.chart: its specification is Vega-Lite, its data are those of the specification or the figures of
// the HTML table that `data-table` names, so that a reader of the table knows what a reader of the chart knows.
"use strict";

const theme = JSON.parse(document.getElementById("chart-theme").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

// First column: the day. Others: a number each, empty where there is none, with "!" behind what is unusual.
function datasets(table) {
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name || cell.textContent);
  const wide = [], long = [];
  for (const row of table.tBodies[0].rows) {
    const [x, ...texts] = [...row.cells].map((cell) => cell.textContent);
    const point = { [names[0]]: x };
    texts.forEach((text, i) => {
      const value = text === "" ? null : parseFloat(text.replaceAll(",", ""));
      const unusual = text.endsWith("!");
      point[names[i + 1]] = value;
      point[`${names[i + 1]} unusual`] = unusual;
      if (value !== null) long.push({ [names[0]]: x, series: names[i + 1], value, unusual });
    });
    wide.push(point);
  }
  return { wide, long };
}

const read = new Map();
function datasetsOf(id) {
  if (!read.has(id)) read.set(id, datasets(document.getElementById(id)));
  return read.get(id);
}

const specOf = (figure) => JSON.parse(figure.querySelector(":scope > script[type='application/json']").textContent);

async function draw(figure) {
  const spec = specOf(figure);
  if (figure.dataset.table) spec.datasets = { ...spec.datasets, ...datasetsOf(figure.dataset.table) };
  const bad = getComputedStyle(document.documentElement).getPropertyValue("--bad").trim();
  for (const param of spec.params ?? []) if (param.name === "statusBad") param.value = bad;
  const plot = figure.querySelector(".plot");
  const look = theme[dark.matches ? "dark" : "light"];
  // What Vega tells a screen reader; its own words are "Vega visualization".
  spec.description ??= plot.getAttribute("aria-label");
  await vegaEmbed(plot, spec, {
    actions: false,
    renderer: "svg",
    tooltip: { theme: dark.matches ? "dark" : "light" },
    // The plot is one picture with one label; its marks need none of their own.
    config: { ...look, mark: { ...look.mark, aria: false } },
  });
  figure.dataset.drawn = dark.matches ? "dark" : "light";
}

// What is not looked at is not drawn: a page may have dozens.
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    draw(target);
  }
}, { rootMargin: "400px" });

const figures = [...document.querySelectorAll("figure.chart")];
figures.forEach((figure) => seen.observe(figure));
dark.addEventListener("change", () => figures.filter((figure) => figure.dataset.drawn).forEach(draw));
addEventListener("beforeprint", () => figures.filter((figure) => !figure.dataset.drawn).forEach(draw));
