// Draw the live charts over their still pictures. Vega runs with its interpreter, so the page needs no eval.
(() => {
  "use strict";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function inked(value, theme, style) {
    // The still pictures are drawn for paper; here their colours become those of the page. Data stays as it is.
    if (typeof value === "string") return Object.hasOwn(theme, value) ? style.getPropertyValue(theme[value]).trim() : value;
    if (Array.isArray(value)) return value.map((item) => inked(item, theme, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === "data" ? item : inked(item, theme, style)]),
    );
  }

  function fitted(spec, width) {
    // Where the page is narrow, panels go below each other and legends below the chart.
    if (width >= 560) return spec;
    spec.config.legend.orient = "bottom";
    spec.config.legend.columns = 3;
    if (spec.columns) spec.columns = Math.max(1, Math.floor(spec.columns / 2));
    for (const part of [spec, spec.spec]) if (part?.width > 400) part.width = Math.max(200, width - 70);
    return spec;
  }

  async function draw(figure) {
    const read = (id) => JSON.parse(document.getElementById(id).textContent);
    const spec = inked(read(`spec-${figure.dataset.chart}`), read("theme"), getComputedStyle(document.documentElement));
    const frame = figure.querySelector(".drawing");
    const live = document.createElement("div");
    live.className = "live";
    frame.append(live);
    await vegaEmbed(live, fitted(spec, frame.clientWidth), {
      ast: true,
      actions: false,
      renderer: "svg",
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
    frame.querySelector(".still").hidden = true;
    for (const old of frame.querySelectorAll(".live")) if (old !== live) old.remove();
    figure.dataset.live = "true";
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const drawAll = () => Promise.all(figures.map(draw));
  drawAll();
  dark.addEventListener("change", drawAll);
})();
