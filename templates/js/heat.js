// Turn scores into 16 colour classes, paint the document with them, and say what they mean.
// Classes and bounds are those of `heatmap.py`.
reportgen.heat = (() => {
  "use strict";

  const CLASSES = 16;
  const NAMES = Array.from({ length: CLASSES }, (_, n) => `h${n}`);
  let cells; // {span, positions, special, echo, blank, word}
  let painted = []; // class of every cell, -1 where it has none
  let legend;

  function start(model) {
    const spans = [...document.querySelectorAll("#text [data-position]")];
    const starts = spans.map((span) => Number(span.dataset.position));
    cells = spans.map((span, i) => {
      const positions = [];
      for (let t = starts[i]; t < (starts[i + 1] ?? model.facts.tokens); t++) positions.push(t);
      const special = span.classList.contains("special");
      const echo = span.classList.contains("echo");
      const blank = !special && positions.every((t) => model.isBlank[t]);
      const word = model.wordOf[positions.find((t) => model.wordOf[t] >= 0) ?? 0];
      return { span, positions, special, echo, blank, word };
    });
    legend = document.querySelector(".about-all");
  }

  function values(state, scores, model) {
    // One value per thing that has a colour of its own: {values, owner of every cell, -1 where it has none}.
    const found = [];
    const owners = new Int32Array(cells.length).fill(-1);
    const ofWord = new Map();
    const hidden = (word) => word >= 0 && state.mask && model.isMasked[word];
    cells.forEach((cell, i) => {
      if (cell.special ? !state.special : cell.blank || hidden(cell.word) || (cell.echo && !state.echoes)) return;
      if (state.words && !cell.special && cell.word >= 0) {
        if (!ofWord.has(cell.word)) {
          ofWord.set(cell.word, found.length);
          found.push(reportgen.scores.sum(scores, reportgen.scores.pieces(cell.word, state)));
        }
        owners[i] = ofWord.get(cell.word);
      } else {
        owners[i] = found.length;
        found.push(reportgen.scores.sum(scores, cell.positions));
      }
    });
    return { values: Float64Array.from(found), owners };
  }

  function percent(values) {
    // To 0..100; all 0 where all are equal but for rounding.
    let low = Infinity;
    let high = -Infinity;
    let largest = 0;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      largest = Math.max(largest, Math.abs(value));
    }
    const uniform = values.length === 0 || high - low <= 1e-6 * largest;
    return { heat: uniform ? new Float64Array(values.length) : values.map((v) => ((v - low) / (high - low)) * 100), uniform };
  }

  function quantile(sorted, share) {
    const at = share * (sorted.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
  }

  const spread = (from, to, count) => Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));

  function classify(heat, scale) {
    const sorted = Float64Array.from(heat).sort();
    const lowest = sorted.find((value) => value > 0);
    let bounds;
    let floor = null;
    if (lowest === undefined) bounds = spread(0, 100, CLASSES + 1);
    else if (scale === "rank") bounds = spread(0, 1, CLASSES + 1).map((share) => quantile(sorted, share));
    else if (scale === "log") {
      floor = lowest;
      bounds = spread(Math.log(floor), Math.log(100), CLASSES + 1).map(Math.exp);
    } else bounds = [...spread(0, quantile(sorted, 0.99) || 100, CLASSES), 100];
    const inner = bounds.slice(1, -1);
    const classes = Int8Array.from(heat, (value) => {
      let n = 0;
      while (n < inner.length && inner[n] <= value) n++;
      return n;
    });
    return { classes, bounds, floor };
  }

  function paint(state, model) {
    // Colour the document; returns the scores, (token,).
    const chosen = reportgen.scores.selection(state);
    const scores = reportgen.scores.byToken(chosen);
    const { values: found, owners } = values(state, scores, model);
    const { heat, uniform } = percent(found);
    const { empty } = chosen;
    const { classes, bounds, floor } = classify(heat, state.scale);
    cells.forEach((cell, i) => {
      const n = empty || owners[i] < 0 ? -1 : classes[owners[i]];
      if (painted[i] === n) return;
      painted[i] = n;
      cell.span.className = (cell.special ? "special " : cell.echo ? "echo " : "") + (NAMES[n] ?? "");
    });
    const strongest = classes.reduce((count, n) => count + (n === CLASSES - 1), 0);
    explain({ state, chosen, bounds, floor, uniform, strongest, coloured: classes.length });
    return scores;
  }

  function explain({ state, chosen, bounds, floor, uniform, strongest, coloured }) {
    const { short, number } = reportgen.captions;
    const { empty } = chosen;
    legend.querySelector(".explain").textContent = reportgen.captions.heatmap(chosen);
    const ends = legend.querySelectorAll(".ends");
    ends[0].textContent = short(bounds[0]);
    ends[1].textContent = short(bounds[16]);
    legend.querySelectorAll(".step").forEach((step, n) => (step.textContent = [4, 8, 12].includes(n) ? short(bounds[n]) : ""));
    const name = { linear: "Linear", rank: "Rank", log: "Log" }[state.scale];
    legend
      .querySelector(".legend")
      .setAttribute("aria-label", `Colour scale, ${state.scale}: lightest ${short(bounds[0])}, strongest ${short(bounds[16])}`);
    const unit = state.words ? "word" : "token";
    const sentences = [`${name} scale, 16 classes; 0 is the lowest and 100 the highest score of a ${unit} on the scale.`];
    if (!empty && uniform) sentences.push(`All ${unit}s have the same score here, so colours carry no information.`);
    else if (!empty)
      sentences.push(`The last class starts at ${short(bounds[15])} and holds ${number(strongest)} of ${number(coloured)} ${unit}s.`);
    if (floor !== null) sentences.push(`Values below ${short(floor)} are in the first class.`);
    sentences.push(state.special ? "Special tokens are outlined and included in the scale." : "Special tokens are outlined and left out of the scale.");
    const { echo, echoes } = reportgen.scores.model().facts;
    if (echo.length) {
      const scale = state.echoes ? "included in the scale" : "left out of the scale";
      sentences.push(`${echoes} ${echo.length > 1 ? "are" : "is"} outlined with dashes and ${scale}.`);
    }
    if (state.mask) sentences.push("Stop words and punctuation are masked: they have no colour.");
    legend.querySelector(".scale").textContent = sentences.join(" ");
  }

  function colours() {
    // The 16 of the page as it looks now, for what is painted in pixels.
    const style = getComputedStyle(document.documentElement);
    return NAMES.map((name) => style.getPropertyValue(`--${name}`).trim());
  }

  return { start, paint, colours, cells: () => cells, classOf: (i) => painted[i] ?? -1 };
})();
