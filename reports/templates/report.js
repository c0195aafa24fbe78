"use strict";
function sortBy(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const numeric = header.classList.contains("num");
  const rows = [...body.rows].map((row) => [row.cells[column].dataset.sort, row]);
  const empty = (key) => key === "" || (numeric && Number.isNaN(Number(key)));
  rows.sort(([a], [b]) => {
    if (empty(a) || empty(b)) return empty(a) - empty(b);
    return direction * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  });
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
}

function filterRows(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  input.closest(".tools").querySelector("output").textContent = words.length ? `${shown} of ${rows.length} rows` : "";
}

function save(name, rows) {
  const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const text = rows.map((row) => row.map((value) => quoted(String(value))).join(",") + "\r\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

// Numbers are saved with all their digits, and what stands in small print beside them in a column of its own.
function tableRows(table) {
  const heads = [...table.tHead.rows[0].cells];
  const small = (cell) => cell.querySelector("small")?.textContent ?? "";
  const large = (cell) => cell.textContent.slice(0, cell.textContent.length - small(cell).length).trim();
  const body = [...table.tBodies[0].rows].map((row) => [...row.cells]);
  const detailed = heads.map((_, k) => body.some((cells) => small(cells[k])));
  const spread = (values, details) => values.flatMap((value, k) => (detailed[k] ? [value, details[k]] : [value]));
  const titles = heads.map((head) => [large(head), small(head)].filter(Boolean).join(", "));
  const value = (cell, k) => (heads[k].classList.contains("num") && cell.dataset.sort) || large(cell);
  const rows = body.map((cells) => spread(cells.map(value), cells.map(small)));
  return [spread(titles, titles.map((title) => `${title} (detail)`)), ...rows];
}

function dataOf(figure) {
  const packed = Uint8Array.from(atob(figure.querySelector('script[type="application/gzip"]').textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

async function figureRows(figure) {
  const { panels, samples } = await dataOf(figure);
  if (samples) return [samples.names, ...samples.columns[0].map((_, k) => samples.columns.map((column) => column[k] ?? ""))];
  const rows = panels.flatMap((p) => p.curves.flatMap((c) => c.x.map((x, k) => [p.title || p.y, c.label, x, c.y[k]])));
  // Panels above each other have the label of x below the last one.
  const x = panels.findLast((p) => p.x)?.x ?? "x";
  const y = panels.every((p) => p.y === panels[0].y) && panels[0].y;
  return [["panel", "curve", x, y || "value"], ...rows];
}

const tick = (value) => {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e5) ? String(Number(value.toPrecision(6))) : value.toExponential();
};

// A curve as uPlot wants it: by growing x, each x once, and on a logarithmic axis nothing that has no logarithm.
function columns(curve, logarithmic) {
  const points = new Map();
  curve.x.forEach((x, k) => {
    if ((!logarithmic.x || x > 0) && (!logarithmic.y || curve.y[k] > 0)) points.set(x, curve.y[k]);
  });
  const xs = [...points.keys()].sort((a, b) => a - b);
  return [xs, xs.map((x) => points.get(x))];
}

function plot(panel, place, logarithmic) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink");
  const grid = { stroke: style.getPropertyValue("--rule"), width: 1 };
  const axis = (label) => ({ label, stroke: ink, grid, ticks: grid, values: (_, found) => found.map((v) => (v === null ? "" : tick(v))) });
  const value = (_, v) => (v === null || v === undefined ? "–" : tick(Number(v.toPrecision(4))));
  const paper = style.getPropertyValue("--paper");
  const series = panel.curves.map((curve) => ({
    label: curve.label, stroke: curve.colour || ink, width: curve.line ? 1.5 : 0, spanGaps: true, value,
    paths: curve.line ? (curve.step ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear()) : () => null,
    points: { show: !curve.line, size: 8, fill: curve.hollow ? paper : curve.colour || ink, stroke: curve.colour || ink, width: 1 },
  }));
  return new uPlot({
    width: place.clientWidth, height: 360, title: panel.title,
    scales: { x: { time: false, distr: logarithmic.x ? 3 : 1, dir: panel.x_falls ? -1 : 1 }, y: { distr: logarithmic.y ? 3 : 1 } },
    axes: [axis(panel.x), { ...axis(panel.y), size: 70 }],
    cursor: { drag: { x: true, y: true, uni: 20 } },
    series: [{ label: panel.x || "x", value }, ...series],
  }, uPlot.join(panel.curves.map((curve) => columns(curve, logarithmic))), place);
}

async function zoom(button) {
  const figure = button.closest("figure");
  const picture = figure.querySelector("svg");
  const open = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(open));
  const panels = open ? (await dataOf(figure)).panels : [];
  // Meanwhile it may have been pressed again.
  if ((button.getAttribute("aria-pressed") === "true") !== open) return;
  picture.style.display = open ? "none" : "";
  figure.querySelector(".charts")?.remove();
  if (!open) return;
  const charts = document.createElement("div");
  charts.className = "charts";
  picture.after(charts);
  for (const panel of panels) {
    const logarithmic = { x: panel.x_log, y: panel.y_log };
    const switches = document.createElement("div");
    switches.className = "tools";
    const place = document.createElement("div");
    charts.append(switches, place);
    let drawn = plot(panel, place, logarithmic);
    for (const which of ["x", "y"]) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: logarithmic[which] });
      box.addEventListener("change", () => {
        logarithmic[which] = box.checked;
        drawn.destroy();
        drawn = plot(panel, place, logarithmic);
      });
      label.append(box, ` logarithmic ${which}`);
      switches.append(label);
    }
    switches.append("Drag to zoom, double-click to see all, click a name to hide its curve.");
  }
}

// A row that a filter hides is shown again when somebody is sent to it.
function reveal(row) {
  if (!row?.hidden) return;
  const input = document.querySelector(`input[data-table="${row.closest("table").id}"]`);
  input.value = "";
  filterRows(input);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("input[data-table]")) filterRows(event.target);
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link) return reveal(document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const button = event.target.closest("button");
  if (!button) return;
  const header = button.closest("th[aria-sort]");
  if (header) return sortBy(header);
  if (button.dataset.csv) return save(button.dataset.csv, tableRows(document.getElementById(button.dataset.csv)));
  if (button.matches(".data")) return save(button.closest("figure").id, await figureRows(button.closest("figure")));
  if (button.matches(".zoom")) return zoom(button);
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    // A page opened from a file may not write to the clipboard: leave the command selected instead.
    window.getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
});
