// Draw the live charts over their still pictures, and draw them again after every choice.
// Vega runs with its interpreter, so the page needs no eval. The numbers come from the page's own arrays.
reportgen.charts = (() => {
  "use strict";

  const { digits } = reportgen.captions;
  const drawn = new Map(); // key of a chart -> {view, shape, spec, rows}
  const first = new Map(); // key of a chart -> the caption that it came with
  const OPTIONS = {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true },
  };

  function inked(value, theme) {
    // Specifications are written for paper; on the page their colours are the page's own variables, so that a chart
    // follows it from light to dark and onto paper. Data stays as it is.
    if (typeof value === "string") return Object.hasOwn(theme, value) ? `var(${theme[value]})` : value;
    if (Array.isArray(value)) return value.map((item) => inked(item, theme));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "datasets" ? item : inked(item, theme)]));
  }

  function fitted(spec, width) {
    // Where the page is narrow, panels go below each other and legends below the chart.
    if (width >= 560) return spec;
    const named = spec.config.legend.orient === "top"; // names right of the panel, long ones in the legend
    spec.config.legend.orient = "bottom";
    spec.config.legend.columns = named ? 2 : 3;
    if (spec.columns) spec.columns = Math.max(1, Math.floor(spec.columns / 2));
    for (const part of [spec, spec.spec]) if (part?.width > 200) part.width = Math.max(named ? 160 : 200, width - (named ? 105 : 70));
    return spec;
  }

  // --- the numbers of each chart: (chosen, state) -> {rows, caption, adapt, table} ---------------------------------

  const facts = () => reportgen.scores.model().facts;
  const number = (l) => facts().numbers[l]; // of a layer, as people count
  const kept = (ranks, length) => [...new Set([...ranks.filter((rank) => rank < length), length - 1])];
  const points = (line, ranks) => ranks.filter((rank) => line[rank] > 0).map((rank) => ({ rank: rank + 1, score: digits(line[rank]) }));
  const scoreAxis = (encoding, title, rows) => {
    encoding.y.title = title;
    encoding.y.scale = rows.length ? { type: "log", nice: false } : { domain: [0, 1] };
  };

  function lines(chosen) {
    // (layer, head) -> scores, largest first.
    return new Map(
      chosen.layers.map((l) => [l, new Map(chosen.heads.map((h) => [h, reportgen.scores.ordered(chosen, l, h)]))]),
    );
  }

  function rankTrendByLayer(chosen) {
    const means = new Map();
    for (const [layer, heads] of lines(chosen)) {
      const mean = new Float64Array([...heads.values()][0].length);
      for (const line of heads.values()) for (let i = 0; i < mean.length; i++) mean[i] += line[i] / heads.size;
      means.set(layer, mean);
    }
    const length = [...means.values()][0].length;
    const rows = [...means].flatMap(([layer, line]) =>
      points(line, kept(facts().ranks, length)).map((point) => ({ layer: number(layer), ...point })),
    );
    const shown = facts().table_ranks.filter((rank) => rank <= length);
    return {
      rows,
      caption: reportgen.captions.rankTrendByLayer(chosen, means),
      adapt(spec) {
        spec.encoding.x.scale.domain = [1, Math.max(length, 2)];
        spec.encoding.color.legend = reportgen.captions.single() ? null : { values: chosen.layers.map(number) };
        scoreAxis(spec.encoding, `${reportgen.captions.score(chosen)}${reportgen.captions.single() ? "" : ", mean over heads"}`, rows);
      },
      table: rankTable(["Layer"], shown, [...means].map(([layer, line]) => [[layer], line])),
    };
  }

  function rankTrendByHead(chosen) {
    const all = [...lines(chosen)].flatMap(([layer, heads]) => [...heads].map(([head, line]) => [[layer, head], line]));
    const length = all[0][1].length;
    const ranks = kept(facts().panel_ranks, length);
    const rows = all.flatMap(([[layer, head], line]) =>
      points(line, ranks).map((point) => ({ layer: number(layer), head: head + 1, ...point })),
    );
    const highest = all.reduce((a, b) => (b[1][0] > a[1][0] ? b : a));
    return {
      rows,
      caption: reportgen.captions.rankTrendByHead(chosen, highest[0], highest[1][0]),
      adapt(spec) {
        spec.spec.encoding.x.scale.domain = [1, Math.max(length, 2)];
        spec.spec.encoding.color.legend = { values: chosen.heads.map((h) => h + 1) };
        scoreAxis(spec.spec.encoding, reportgen.captions.score(chosen), rows);
      },
      table: rankTable(["Layer", "Head"], facts().table_ranks.filter((rank) => rank <= length), all),
    };
  }

  const rankTable = (names, ranks, all) => ({
    columns: [...names, ...ranks.map((rank) => `Rank ${reportgen.captions.number(rank)}`)],
    numeric: [...names, ...ranks].map(() => true),
    rows: all.map(([place, line]) => [...place.map((n, axis) => String(axis ? n + 1 : number(n))), ...ranks.map((rank) => String(digits(line[rank - 1])))]),
  });

  function layerTrend(chosen, state) {
    // Of the opened token first, then of those that the figure on paper shows.
    const { trend, trend_colours } = facts();
    const { isSpecial, isEcho, isMasked, wordOf } = reportgen.scores.model();
    const isHidden = (t) => state.mask && wordOf[t] >= 0 && isMasked[wordOf[t]];
    const asked = [...(state.token === null ? [] : [state.token]), ...trend.filter((t) => !isHidden(t))];
    const units = new Map(asked.map((t) => reportgen.scores.unitAt(t, state)).map((unit) => [unit.positions[0], unit]));
    const shown = [...units.values()].slice(0, trend_colours.length);
    const label = ({ name, positions }) => `${positions[0]} ${name}${isEcho[positions[0]] ? " (echo)" : ""}`;
    const labels = shown.map(label);
    const byLayer = new Map(chosen.layers.map((l) => [l, reportgen.scores.byToken(chosen, [l])]));
    const score = (unit, l) => reportgen.scores.sum(byLayer.get(l), unit.positions);
    const rows = shown.flatMap((unit) =>
      chosen.layers
        .filter((l) => score(unit, l) > 0)
        .map((l) => ({
          token: label(unit),
          layer: number(l),
          score: digits(score(unit, l)),
          best_rank: reportgen.scores.bestRank(chosen, unit.positions, [l]),
        })),
    );
    const subject = (state.token === null && shown.find(({ positions }) => !isSpecial[positions[0]])) || shown[0];
    const peak = subject && chosen.layers.reduce((a, b) => (score(subject, b) > score(subject, a) ? b : a));
    return {
      rows,
      caption: subject
        ? reportgen.captions.layerTrend(chosen, subject, peak, reportgen.scores.bestRank(chosen, subject.positions, [peak]))
        : "All of these tokens are masked.",
      adapt(spec) {
        scoreAxis(spec.encoding, `${reportgen.captions.score(chosen)}, sum over heads`, rows);
        spec.encoding.color.scale = { domain: labels, range: trend_colours.slice(0, labels.length) };
        spec.encoding.shape.scale = { domain: labels };
      },
      table: {
        columns: ["Position", "Token", ...chosen.layers.map((l) => `Layer ${number(l)}`)],
        numeric: [true, false, ...chosen.layers.map(() => true)],
        rows: shown.map((unit) => [
          String(unit.positions[0]), unit.name, ...chosen.layers.map((l) => String(digits(score(unit, l)))),
        ]),
      },
    };
  }

  function distribution(chosen, state) {
    const scores = reportgen.scores.byToken(chosen);
    const units = reportgen.scores.units({ ...state, words: false }); // a stretch holds tokens
    const { edges, names, tokens } = facts();
    const series = reportgen.captions.where(chosen);
    const rows = [];
    let at = 0;
    let quarter = 0;
    let whole = 0;
    for (let n = 0; n + 1 < edges.length; n++) {
      let count = 0;
      let total = 0;
      let top = -1;
      for (; at < units.length && units[at].positions[0] < edges[n + 1]; at++) {
        const [position] = units[at].positions;
        count++;
        total += scores[position];
        if (position < tokens / 4) quarter += scores[position];
        if (top < 0 || scores[position] > scores[top]) top = position;
      }
      whole += total;
      if (count) rows.push({ series, start: edges[n], end: edges[n + 1], score: digits(total / count), top: names[top] });
    }
    const peak = rows.reduce((a, b) => (b.score > a.score ? b : a), rows[0]);
    return {
      rows,
      caption: rows.length ? reportgen.captions.distribution(chosen, quarter / (whole || 1), peak) : "All tokens are masked.",
      adapt(spec) {
        spec.facet.row.sort = [series];
        spec.spec.encoding.y.title = `mean ${reportgen.captions.score(chosen)}`;
      },
      table: {
        columns: ["Scores", "From", "To", "Mean score", "Top token"],
        numeric: [false, true, true, true, false],
        rows: rows.map((row) => [row.series, String(row.start), String(row.end - 1), String(row.score), row.top]),
      },
    };
  }

  function overview(chosen) {
    const marked = (row) => !chosen.every && chosen.layers.includes(facts().numbers.indexOf(row.layer)) && chosen.heads.includes(row.head - 1);
    return { rows: reportgen.data.block("spec-overview").datasets.rows.map((row) => ({ ...row, chosen: marked(row) })), adapt() {} };
  }

  // The curves of the test change with the share of the words that is removed, and with nothing else.
  const curve = (key) => () => ({ rows: reportgen.removed.mark(reportgen.data.block(`spec-${key}`).datasets.rows), adapt() {} });

  const STEADY = ["overview", "deletion-curve", "keeping-curve"]; // the choice of layers and heads takes nothing from them
  const MAKERS = {
    "rank-trend-layers": rankTrendByLayer,
    "rank-trend-heads": rankTrendByHead,
    "layer-trend": layerTrend,
    distribution,
    overview,
    "deletion-curve": curve("deletion-curve"),
    "keeping-curve": curve("keeping-curve"),
  };

  // --- drawing -----------------------------------------------------------------------------------------------------

  async function embed(frame, spec, rows, options = OPTIONS) {
    return (await vegaEmbed(frame, { ...spec, datasets: { rows } }, options)).view;
  }

  async function draw(key, spec, rows, frame) {
    // Only the numbers change while the shape of the chart stays.
    const looks = inked(fitted(structuredClone(spec), frame.clientWidth), reportgen.data.block("theme"));
    const shape = JSON.stringify(looks);
    const before = drawn.get(key);
    if (before?.shape === shape) {
      drawn.set(key, { ...before, spec, rows });
      await before.view.data("rows", rows).runAsync();
      return before.view;
    }
    const live = reportgen.dom.make("div", { class: "live" });
    frame.append(live);
    let view;
    try {
      view = await embed(live, looks, rows);
    } catch (error) {
      live.remove();
      throw error;
    }
    const still = frame.querySelector(".still");
    if (still) still.hidden = true;
    for (const old of frame.querySelectorAll(".live")) if (old !== live) old.remove();
    before?.view.finalize();
    drawn.set(key, { view, shape, spec, rows });
    return view;
  }

  function pick({ layer, head }, add) {
    // A cell of the overview: its layer and head alone, or with those chosen before; a second click chooses all.
    const { layers, heads } = reportgen.state.get();
    const joined = (list, n) => [...new Set([...list, n])].sort((a, b) => a - b);
    const alone = layers.length === 1 && heads.length === 1 && layers[0] === layer && heads[0] === head;
    if (alone) reportgen.state.change(reportgen.state.everything());
    else if (add) reportgen.state.change({ layers: joined(layers, layer), heads: joined(heads, head) });
    else reportgen.state.change({ layers: [layer], heads: [head] });
  }

  async function update(figure, state) {
    const key = figure.dataset.chart;
    if (figure.closest("details:not([open])")) return; // it is drawn when it is opened
    const caption = figure.querySelector("figcaption");
    if (!first.has(key)) first.set(key, [...caption.childNodes].map((node) => node.cloneNode(true)));
    const chosen = reportgen.scores.selection(state);
    const nothing = chosen.empty && !STEADY.includes(key);
    figure.classList.toggle("nothing", nothing);
    if (nothing) {
      caption.textContent = "No layer or no head is chosen, so there is nothing to draw.";
      reportgen.tables.set(`data-table-${key}`, { rows: [] });
      figure.dataset.live = "true";
      return;
    }
    const made = MAKERS[key](chosen, state);
    const spec = reportgen.data.block(`spec-${key}`);
    made.adapt(spec);
    const before = drawn.get(key)?.view;
    const view = await draw(key, spec, made.rows, figure.querySelector(".drawing"));
    if (view !== before && key === "overview") listen(view);
    if (view !== before && key === "deletion-curve") reportgen.removed.follow(view);
    const plain = reportgen.state.isFirst() && (key !== "layer-trend" || state.token === null);
    if (plain || !made.caption) caption.replaceChildren(...first.get(key).map((node) => node.cloneNode(true)));
    else caption.textContent = made.caption;
    if (made.table) reportgen.tables.set(`data-table-${key}`, made.table);
    figure.dataset.live = "true";
  }

  function listen(view) {
    view.addEventListener("click", (event, item) => {
      if (item?.datum?.layer && item.datum.head) pick(item.datum, event.shiftKey || event.ctrlKey || event.metaKey);
    });
    view.container().classList.add("clickable");
  }

  function start() {
    const figures = [...document.querySelectorAll("figure[data-chart]")].filter((figure) => figure.dataset.chart in MAKERS);
    const again = (figure) => reportgen.dom.later(figure.id, () => update(figure, reportgen.state.get()));
    const all = () => figures.forEach(again);
    const matters = ({ scale, special, common, above, view, attribution, ...rest }) => JSON.stringify(rest); // those are colours alone
    reportgen.state.subscribe((state, before) => matters(state) !== matters(before) && all());
    for (const fold of new Set([...document.querySelectorAll("details > figure")].map((figure) => figure.parentElement))) fold.addEventListener("toggle", () => all());
    reportgen.removed.subscribe(() => figures.filter(({ dataset }) => dataset.chart === "deletion-curve").forEach(again));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (Math.abs(innerWidth - width) < 40) return;
      width = innerWidth;
      all(); // draw charts again whose shape depends on the width
    });
    for (const group of document.querySelectorAll("[data-save]"))
      group.addEventListener("click", (event) => event.target.dataset.form && save(group.dataset.save, event.target.dataset.form));
    all();
  }

  // --- saving: as on paper, whatever the page looks like --------------------------------------------------------------

  async function save(key, form) {
    const known = drawn.get(key);
    if (!known) return;
    const state = reportgen.state.get();
    const title = key === "attention-maps" ? `Layer ${state.map[0]}, head ${state.map[1]}` : reportgen.state.isFirst() ? "" : reportgen.captions.where(reportgen.scores.selection(state));
    const { rows } = known;
    const spec = title ? { ...known.spec, title: title.replace(/^./, (letter) => letter.toUpperCase()) } : known.spec;
    const download = (name, ...rest) => reportgen.save.download(`${key}${title && `-${title.replace(/[ ,]+/g, "-").toLowerCase()}`}.${name}`, ...rest);
    const { csv } = reportgen.save;
    if (form === "CSV") {
      const columns = Object.keys(rows[0] ?? {});
      return download("csv", csv([columns, ...rows.map((row) => columns.map((name) => row[name]))]), "text/csv");
    }
    if (form === "Vega-Lite") {
      const whole = JSON.stringify({ ...spec, datasets: { rows } }, null, 1);
      return download("vl.json", whole, "application/json");
    }
    const box = document.createElement("div");
    const paper = { ...spec, config: { ...spec.config, background: form === "PNG" ? "#ffffff" : "transparent" } };
    const view = await embed(box, paper, rows, { ...OPTIONS, renderer: "none" });
    if (form === "SVG") download("svg", await view.toSVG(), "image/svg+xml");
    else download("png", await view.toImageURL("png", 3), "image/png");
    view.finalize();
  }

  return { start, draw, drawn };
})();
