"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll(".plot[data-src]")];
  const figures = new Map();
  // colours are those of the style sheet, whichever theme it is in
  const colours = () => {
    const style = getComputedStyle(root);
    return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${String(name).replaceAll("_", "-")}`).trim() });
  };
  const refuse = (place, error) => {
    console.error(error);
    place.textContent = "This chart could not be drawn; its data are in the table below.";
  };
  const drawOne = (place) => {
    try {
      plots.draw(place, figures.get(place), colours());
    } catch (error) {
      refuse(place, error);
    }
  };
  const load = async (place) => {
    try {
      const response = await fetch(place.dataset.src);
      if (!response.ok) throw new Error(`status ${response.status}`);
      const { figure } = await response.json();
      if (!figures.has(place)) place.replaceChildren();
      figures.set(place, figure);
      drawOne(place);
    } catch (error) {
      if (!figures.has(place)) refuse(place, error);
    }
  };
  const redraw = () => {
    for (const place of figures.keys()) drawOne(place);
    root.dataset.drawn = innerWidth;
  };
  const start = async () => {
    if (typeof Plotly !== "undefined") await Promise.all(places.map(load));
    root.dataset.drawn = innerWidth;
  };

  let width = innerWidth;
  let timer = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(redraw, 120);
  });
  system.addEventListener("change", redraw);

  const live = document.querySelector("[data-live]");
  const field = (name) => live.querySelector(`[data-field="${name}"]`);
  const fill = (told) => {
    for (const [name, value] of Object.entries(told)) {
      const place = field(name);
      if (!place) continue;
      if (place.tagName === "PROGRESS") place.value = value;
      else if (place.textContent !== value) place.textContent = value;
    }
  };
  const CHARTS_S = 10;
  const follow = () => {
    const source = new EventSource(live.dataset.live);
    let finished = null;
    let drawn = Date.now();
    source.addEventListener("message", (event) => {
      const told = JSON.parse(event.data);
      fill(told);
      root.dataset.told = event.lastEventId;
      if (finished !== null && told.finished !== finished && Date.now() - drawn > 1000 * CHARTS_S) {
        drawn = Date.now();
        for (const place of places) load(place);
      }
      finished = told.finished;
    });
    source.addEventListener("end", (event) => {
      source.close();
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = "Show what it found";
      field("said").replaceChildren(`${JSON.parse(event.data).said} `, link);
    });
  };
  if (live && "EventSource" in window) follow();

  start();
})();
