// Draw the live charts over their still pictures. Vega runs with its interpreter, so the page needs no eval.
(() => {
  "use strict";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function inked(spec) {
    // The still pictures are drawn for paper; here text and lines take the colours of the page.
    const style = getComputedStyle(document.documentElement);
    const [ink, muted, rule] = ["--ink", "--muted", "--rule"].map((name) => style.getPropertyValue(name).trim());
    const page = { "#1b1b1b": ink, "#5d5d5d": muted, "#e3e0dd": rule };
    return JSON.parse(JSON.stringify(spec), (_, value) => page[value] ?? value);
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
    const spec = JSON.parse(document.getElementById(`spec-${figure.dataset.chart}`).textContent);
    const frame = figure.querySelector(".drawing");
    const live = document.createElement("div");
    live.className = "live";
    frame.append(live);
    await vegaEmbed(live, fitted(inked(spec), frame.clientWidth), {
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
