"use strict";
// draws a figure of ours with plotly.js
const plots = (() => {
  // "@name" stands for a colour of the palette, under keys that hold colours only: texts stay as they are
  const coloured = (value, palette, isColour = false) => {
    if (typeof value === "string") return isColour && value[0] === "@" ? palette[value.slice(1)] : value;
    if (Array.isArray(value)) return value.map((item) => coloured(item, palette, isColour));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, coloured(item, palette, /colou?r(scale)?$/.test(key))]),
    );
  };

  const thin = (axis, columns) => {
    if (axis.nticks) axis.nticks = 4;
    if (typeof axis.dtick === "number") axis.dtick = Math.max(axis.dtick, Math.ceil(columns / 8));
  };
  const columnsOf = (data) => Math.max(1, ...data.map((one) => (one.z ? (one.z[0] || []).length : (one.x || []).length)));
  const draw = (place, figure, palette, width) => {
    const { data, layout } = coloured(figure, palette);
    const isNarrow = (width || place.clientWidth) < 480;
    const named = [...data, ...(layout.shapes || [])].filter((one) => one.name && one.showlegend !== false).length;
    const height = Number(place.dataset.height) + (isNarrow && layout.showlegend ? 18 * named : 0);
    if (isNarrow) thin(layout.xaxis, columnsOf(data));
    place.style.height = `${height}px`;
    const size = { width: width || place.clientWidth, height };
    Plotly.react(place, data, { ...layout, ...size }, { displayModeBar: false, showTips: false, doubleClick: false });
  };
  return { draw };
})();
