// Signed attribution: what speaks for a label, and what against it. Classes are those of `signed.py`.
// Only a report that has attribution brings this script.
reportgen.signed = (() => {
  "use strict";

  const SIDE = 8; // classes on either side of 0
  const MIDDLE = 24; // the first class of what speaks for a label; those against lie below

  function write(value, digits = 3) {
    // With its sign, as `heatmap.signed` in Python.
    if (value === 0) return "0";
    return `${value > 0 ? "+" : "−"}${Number(Math.abs(value).toPrecision(digits))}`;
  }

  function colours(found, { explanation }, state) {
    // As `heat.js` has them for attention: classes of the values *found*, and what the legend says of them.
    const { number } = reportgen.captions;
    const largest = found.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const sides = reportgen.heat.classify(found.map((value) => (Math.abs(value) / (largest || 1)) * 100), state.scale, SIDE);
    const classes = Int8Array.from(found, (value, i) => (value === 0 ? -1 : value > 0 ? MIDDLE + sides.classes[i] : MIDDLE - 1 - sides.classes[i]));
    const limits = sides.bounds.slice(1).map((bound) => (bound * largest) / 100);
    const bounds = [...limits.map((limit) => -limit).reverse(), 0, ...limits];
    const strongest = classes.reduce((count, n) => count + (n === MIDDLE - SIDE || n === MIDDLE + SIDE - 1), 0);
    const unit = state.words ? "word" : "token";
    const sentences = largest
      ? [
          `${reportgen.heat.scaleName(state.scale)} scale, 8 classes on either side of 0.`,
          `The strongest begin at ±${reportgen.captions.short(bounds[15])} and hold ${number(strongest)} of ${number(classes.length)} ${unit}s.`,
          "A line below marks what speaks against in the six stronger classes.",
        ]
      : [`The score of every ${unit} is 0, so nothing has a colour.`];
    return {
      classes, first: MIDDLE - SIDE, sentences, explanation, bounds, write: reportgen.captions.short,
      labels: Object.fromEntries([[-1, 0], [4, 4], [11, 12], [16, 16]].map(([step, bound]) => [step, write(bounds[bound], 2)])),
      name: `Colour scale, ${state.scale}, in logits: from ${write(bounds[0], 2)}, which speaks against, over 0, which has no colour, to ${write(bounds[16], 2)}, which speaks for`,
    };
  }

  function said(positions) {
    // What the pieces of a token or word add up to, for every label: [label, sentence].
    return reportgen.scores.model().attributions.map(({ label, scores }) => {
      const value = reportgen.scores.sum(scores, positions);
      return [label, `${write(value)} logits${value === 0 ? "" : value > 0 ? ", speaks for" : ", speaks against"}`];
    });
  }

  return { colours, write, said };
})();
