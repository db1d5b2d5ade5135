"use strict";
// shortens and sorts the tables that say that they can be sorted
(() => {
  // thousands of rows are slow to lay out, so the first ones are shown until all are asked for
  const shorten = (table) => {
    if (table.dataset.all) return;
    [...table.tBodies[0].rows].forEach((row, place) => { row.hidden = place >= 300; });
  };
  const showAll = (table, button) => {
    table.dataset.all = "yes";
    for (const row of table.tBodies[0].rows) row.hidden = false;
    button.remove();
  };
  for (const table of document.querySelectorAll(".sortable")) {
    const rows = table.tBodies[0].rows.length;
    if (rows <= 300) continue;
    shorten(table);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "more";
    button.textContent = `Show all ${rows.toLocaleString("en")} rows (300 are shown)`;
    button.addEventListener("click", () => showAll(table, button));
    table.parentElement.after(button);
  }

  // a heading sorts its table: by value where the column holds numbers, and the other way round the second time
  const keyOf = (cell, isNumber) => {
    const text = cell.textContent;
    if (!isNumber) return text;
    const value = Number(text.replace(/,|%| /g, "").replace("−", "-"));
    return Number.isNaN(value) ? Infinity : value;
  };
  const compare = (a, b) => (typeof a === "number" ? a - b || 0 : a.localeCompare(b, undefined, { numeric: true }));
  const sort = (heading) => {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const isDown = heading.getAttribute("aria-sort") === "ascending";
    const isNumber = heading.classList.contains("n");
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[column], isNumber), row]);
    rows.sort((a, b) => (isDown ? compare(b[0], a[0]) : compare(a[0], b[0])));
    table.tBodies[0].replaceChildren(...rows.map((row) => row[1]));
    shorten(table);
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  };
  for (const heading of document.querySelectorAll(".sortable th")) {
    heading.querySelector("button").addEventListener("click", () => sort(heading));
  }
})();
