"use strict";
const narrow = window.matchMedia("(max-width: 60rem)");
if (narrow.matches) document.querySelector("nav details").open = false;

function sortBy(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const numeric = header.classList.contains("num");
  const rows = [...body.rows].map((row) => [row.cells[column].dataset.sort, row]);
  rows.sort(([a, rowA], [b, rowB]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return direction * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  });
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const header = button.closest("th[aria-sort]");
  if (header) return sortBy(header);
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
