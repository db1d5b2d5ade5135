"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("charts");
  const palettes = read("palettes");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const places = [...document.querySelectorAll(".plot")];
  let isDrawn = false;

  const draw = (palette, width) => {
    for (const place of places) {
      // one chart that fails must not take the others with it
      try {
        plots.draw(place, charts[place.dataset.chart], palette, width);
      } catch (error) {
        console.error(error);
        place.textContent = "This chart could not be drawn; its data are in the table below.";
      }
    }
  };
  const redraw = () => {
    if (!isDrawn) return;
    draw(palettes[isDark() ? "dark" : "light"]);
    root.dataset.drawn = innerWidth;
  };

  const start = async () => {
    if (!("DecompressionStream" in window)) return;
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    for (const place of places) place.replaceChildren();
    isDrawn = true;
    redraw();
  };

  const toggle = document.getElementById("theme");
  const name = () => { toggle.textContent = isDark() ? "Light theme" : "Dark theme"; };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
    redraw();
  });
  system.addEventListener("change", () => { name(); redraw(); });
  name();

  let width = innerWidth;
  let timer = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(redraw, 120);
  });
  addEventListener("beforeprint", () => isDrawn && draw(palettes.light, 660));
  addEventListener("afterprint", redraw);

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

  start();
})();
