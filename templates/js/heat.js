// Turn scores into 16 colour classes, paint the document with them, and say what they mean.
// Classes and bounds are those of `heatmap.py`; those of signed scores, 16 to 31, are made in `signed.js`.
reportgen.heat = (() => {
  "use strict";

  const CLASSES = 16;
  const NAMES = Array.from({ length: 2 * CLASSES }, (_, n) => `h${n}`);
  const SCALES = { contrast: "Contrast", linear: "Linear", rank: "Rank", log: "Log" };
  const ALMOST_EVEN = 1.5; // times the even share
  let cells; // {span, positions, special, echo, blank, word}
  let painted = []; // class of every cell, -1 where it has none
  let legend;
  let nothing; // says in the place of the colours that there are none

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
    const [first, ...others] = document.querySelectorAll(".about");
    for (const other of others) other.remove(); // the choices of the page write over the first
    first.className = "about";
    legend = first;
    const all = reportgen.dom.make("button", { type: "button", onclick: () => reportgen.state.change(reportgen.state.everything()) }, "Choose all");
    nothing = reportgen.dom.make("p", { class: "nothing-chosen", role: "status", hidden: true }, reportgen.dom.make("span", {}), " ", all);
    document.querySelector(".reading").before(nothing);
  }

  function values(state, scores, model) {
    // One value per thing that has a colour of its own: {values, tokens of each, owner of every cell, -1 where it has none}.
    const found = [];
    const sizes = [];
    const owners = new Int32Array(cells.length).fill(-1);
    const ofWord = new Map();
    const hidden = (word) => word >= 0 && state.mask && model.isMasked[word];
    cells.forEach((cell, i) => {
      if (cell.special ? !state.special : cell.blank || hidden(cell.word) || (cell.echo && !state.echoes)) return;
      if (state.words && !cell.special && cell.word >= 0) {
        if (!ofWord.has(cell.word)) {
          ofWord.set(cell.word, found.length);
          const pieces = reportgen.scores.pieces(cell.word, state);
          sizes.push(pieces.length);
          found.push(reportgen.scores.sum(scores, pieces));
        }
        owners[i] = ofWord.get(cell.word);
      } else {
        owners[i] = found.length;
        sizes.push(cell.positions.length);
        found.push(reportgen.scores.sum(scores, cell.positions));
      }
    });
    return { values: Float64Array.from(found), sizes, owners };
  }

  function isUniform(values) {
    // Equal but for rounding.
    const [low, high, largest] = ends(values);
    return values.length === 0 || high - low <= 1e-6 * largest;
  }

  function ends(values) {
    let low = Infinity;
    let high = -Infinity;
    let largest = 0;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      largest = Math.max(largest, Math.abs(value));
    }
    return [low, high, largest];
  }

  function percent(values) {
    // To 0..100; all 0 where all are equal.
    const [low, high] = ends(values);
    return isUniform(values) ? new Float64Array(values.length) : values.map((v) => ((v - low) / (high - low)) * 100);
  }

  function ofEven(values, sizes, base) {
    // As multiples of the even share, which is the mean; 1 where all are equal. *base*: see `scale.above_none`.
    const amounts = values.map((value, n) => value + base * sizes[n]);
    if (isUniform(values)) return amounts.fill(1);
    const mean = amounts.reduce((total, amount) => total + amount, 0) / amounts.length;
    return amounts.map((amount) => amount / mean);
  }

  function quantile(sorted, share) {
    const at = share * (sorted.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
  }

  function strongest(sorted) {
    // Where the last class starts, as in `heatmap.py`.
    const hundredth = quantile(sorted, 0.99);
    const mean = sorted.reduce((total, value) => total + value, 0) / sorted.length;
    return hundredth >= mean / 10 ? hundredth : sorted.at(-1);
  }

  const spread = (from, to, count) => Array.from({ length: count }, (_, i) => (i < count - 1 ? from + ((to - from) * i) / (count - 1) : to));

  function classify(heat, scale, count = CLASSES) {
    const sorted = Float64Array.from(heat).sort();
    const lowest = sorted.find((value) => value > 0);
    let bounds;
    let floor = null;
    if (scale === "contrast" && sorted.length) {
      const inner = spread(quantile(sorted, 0.5), strongest(sorted), count - 1);
      bounds = [sorted[0], ...inner, sorted.at(-1)];
    } else if (lowest === undefined) bounds = spread(0, 100, count + 1);
    else if (scale === "rank") bounds = spread(0, 1, count + 1).map((share) => quantile(sorted, share));
    else if (scale === "log") {
      floor = lowest;
      bounds = spread(Math.log(floor), Math.log(100), count + 1).map(Math.exp);
    } else bounds = [...spread(0, strongest(sorted), count), 100];
    const inner = bounds.slice(1, -1);
    const classes = Int8Array.from(heat, (value) => {
      let n = 0;
      if (scale === "contrast" && value <= bounds[1]) return n; // white up to the median
      while (n < inner.length && inner[n] <= value) n++;
      return n;
    });
    return { classes, bounds, floor };
  }

  function unsigned({ values: found, sizes }, chosen, state) {
    // Colours of attention, which has no sign, and what the legend says of them.
    const contrast = state.scale === "contrast";
    const { number } = reportgen.captions;
    const short = contrast ? reportgen.captions.multiple : reportgen.captions.short;
    const times = ofEven(found, sizes, reportgen.scores.base(chosen));
    const { classes, bounds, floor } = classify(contrast ? times : percent(found), state.scale);
    const last = classes.reduce((count, n) => count + (n === CLASSES - 1), 0);
    const unit = state.words ? "word" : "token";
    const sentences = [
      contrast
        ? `Contrast scale: 1× is the mean of the ${unit}s on the scale. ${unit === "word" ? "Words" : "Tokens"} up to the median, ${short(bounds[1])}, have no colour.`
        : `${SCALES[state.scale]} scale, 16 classes; 0 is the lowest and 100 the highest score of a ${unit} on the scale.`,
    ];
    if (!chosen.empty && isUniform(found)) sentences.push(`All ${unit}s have the same score here, so colours carry no information.`);
    else if (!chosen.empty) {
      sentences.push(`The last class starts at ${short(bounds[15])} and holds ${number(last)} of ${number(classes.length)} ${unit}s.`);
      const most = times.reduce((highest, value) => Math.max(highest, value), 0);
      if (most <= ALMOST_EVEN) sentences.push(reportgen.captions.almostEven(most, unit));
    }
    if (floor !== null) sentences.push(`Values below ${short(floor)} are in the first class.`);
    const labelled = contrast ? [[-1, 0], [1, 1], [8, 8], [15, 15], [16, 16]] : [[-1, 0], [4, 4], [8, 8], [12, 12], [16, 16]];
    return {
      classes: chosen.empty ? classes.fill(-1) : classes, first: 0, sentences, bounds, write: short,
      labels: Object.fromEntries(labelled.map(([step, bound]) => [step, short(bounds[bound])])),
      explanation: reportgen.captions.heatmap(chosen),
      name: `Colour scale, ${state.scale}: lightest ${short(bounds[0])}, strongest ${short(bounds[16])}`,
    };
  }

  function paint(state, model) {
    // Colour the document; returns the scores, (token,).
    const attribution = reportgen.scores.attribution(state);
    const chosen = reportgen.scores.shown(state);
    const scores = attribution ? attribution.scores : reportgen.scores.byToken(chosen);
    const found = values(state, scores, model);
    const { owners } = found;
    const shown = attribution ? reportgen.signed.colours(found.values, attribution, state) : unsigned(found, chosen, state);
    const hidden = shown.classes.map((n) => step(n) < state.above);
    cells.forEach((cell, i) => {
      const n = owners[i] < 0 || hidden[owners[i]] ? -1 : shown.classes[owners[i]];
      if (painted[i] === n) return;
      painted[i] = n;
      cell.span.className = (cell.special ? "special " : cell.echo ? "echo " : "") + (NAMES[n] ?? "");
    });
    explain(state, shown);
    nothing.hidden = Boolean(attribution) || !chosen.empty;
    nothing.firstChild.textContent = `No ${chosen.layers.length ? "head" : "layer"} is chosen, so the text has no colours.`;
    return scores;
  }

  // From 0 to 15, how strong a class is: one of 8 on a side counts twice.
  const step = (n) => (n < CLASSES ? n : 2 * Math.floor(strength(n)) + 1);

  function explain(state, { first, labels, sentences, explanation, name, bounds, write }) {
    // What the colours mean. Labels are those of the steps, with the ends at -1 and 16.
    legend.querySelector(".explain").textContent = explanation;
    legend.querySelector(".legend").setAttribute("aria-label", name);
    const sides = legend.querySelector(".sides"); // only where there is attribution
    if (sides) sides.hidden = first === 0;
    const ends = legend.querySelectorAll(".ends");
    ends[0].textContent = labels[-1];
    ends[1].textContent = labels[16];
    legend.querySelectorAll(".step").forEach((element, n) => {
      element.className = step(first + n) < state.above ? "step" : `step ${NAMES[first + n]}`;
      element.textContent = labels[n] ?? "";
    });
    // Of a scale with a sign, the bound on its stronger side.
    const at = first ? CLASSES / 2 + Math.floor(state.above / 2) : state.above;
    document.getElementById("above-said").textContent = state.above ? `from ${first ? "±" : ""}${write(Math.abs(bounds[at]))}` : "all";
    const said = [...sentences];
    said.push(state.special ? "Special tokens are outlined and included in the scale." : "Special tokens are outlined and left out of the scale.");
    const { echo, echoes } = reportgen.scores.model().facts;
    if (echo.length) {
      const scale = state.echoes ? "included in the scale" : "left out of the scale";
      said.push(`${echoes} ${echo.length > 1 ? "are" : "is"} outlined with dashes and ${scale}.`);
    }
    if (state.mask) said.push("Stop words and punctuation are masked: they have no colour.");
    legend.querySelector(".scale").textContent = said.join(" ");
  }

  function colours() {
    // By class, as the page looks now, for what is painted in pixels.
    const style = getComputedStyle(document.documentElement);
    return NAMES.map((_, n) => style.getPropertyValue(n < CLASSES ? `--h${n}` : `--s${n - CLASSES}`).trim());
  }

  // How far a class is from the palest one: signed classes grow stronger from their middle.
  const strength = (n) => (n < CLASSES ? n : Math.abs(n - 1.5 * CLASSES + 0.5));

  return { start, paint, classify, colours, strength, scaleName: (scale) => SCALES[scale], cells: () => cells, classOf: (i) => painted[i] ?? -1 };
})();
