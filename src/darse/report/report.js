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

  start();
})();
