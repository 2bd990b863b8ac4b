// Sentences made from numbers. While nothing is chosen, those of `captions.py` stand; these follow the choices.
reportgen.captions = (() => {
  "use strict";

  const number = (value) => value.toLocaleString("en-US");
  const short = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(3))));
  const digits = (value) => Number(value.toPrecision(4));
  const percent = (share, places = 0) => `${(share * 100).toFixed(places)}%`;
  const facts = () => reportgen.scores.model().facts;

  function some(kind, list, count) {
    // "all layers", "layers 1-3", "head 7"
    if (list.length === count) return count === 1 ? `the only ${kind}` : `all ${kind}s`;
    return `${kind}${list.length === 1 ? "" : "s"} ${reportgen.state.ranges(list.map((n) => n + 1))}`.replaceAll("-", "–");
  }

  function where({ layers, heads, every }) {
    return every ? "all layers and heads" : `${some("layer", layers, facts().layers)}, ${some("head", heads, facts().heads)}`;
  }

  function weighing(chosen) {
    if (!chosen.scaled) return "not weighed";
    if (facts().measure === "none") return "every head counting the same";
    return chosen.weighed ? "weighed by head importance" : "not weighed, because the importance of every chosen head is 0";
  }

  function heatmap(chosen) {
    const unsigned = "Attention has no sign: it says where the model looked, not what spoke for or against a label.";
    if (chosen.empty) return "No layer or no head is chosen, so there is nothing to colour.";
    const summed = `${weighing(chosen)}, summed over ${where(chosen)}.`;
    if (facts().given) return `Colour is the score of a token, summed over ${where(chosen)}. Colour has no sign: it does not say what spoke for or against a label.`;
    if (chosen.from === "all") return `Colour is the attention a token receives from all tokens, ${summed} ${unsigned}`;
    const last = chosen.layers.includes(facts().layers - 1);
    const why = last
      ? " In the last layer only this row feeds the classifier; what other tokens attend to there cannot reach the prediction."
      : "";
    return `Colour is the attention that ${facts().reader} pays to a token, ${summed}${why} ${unsigned}`;
  }

  function score(chosen) {
    // What a score is called on an axis.
    if (facts().given) return "score";
    if (chosen.from === "global") return `attention paid by ${facts().reader}`;
    return chosen.scaled ? "attention score" : "attention received";
  }

  function rankTrendByLayer(chosen, means) {
    // means: {layer -> ordered scores}. How much of each layer's score its first k hold.
    const k = facts().top_k;
    const shares = [...means].map(([layer, line]) => {
      const total = line.reduce((a, b) => a + b, 0);
      return [layer, total > 0 ? line.slice(0, k).reduce((a, b) => a + b, 0) / total : 0];
    });
    const [layer, share] = shares.reduce((a, b) => (b[1] > a[1] ? b : a));
    if (shares.length === 1) return `In ${where(chosen)} the first ${k} hold ${percent(share)} of the ${score(chosen)}.`;
    return `Of ${where(chosen)}: in layer ${layer + 1} the first ${k} hold ${percent(share)} of the ${score(chosen)}, the most of the layers chosen.`;
  }

  function rankTrendByHead(chosen, highest, value) {
    if (chosen.layers.length === 1 && chosen.heads.length === 1)
      return `In ${where(chosen)} the highest ${score(chosen)} is ${short(value)}. The steeper the line, the fewer tokens the head ${facts().given ? "scores" : "attends to"}.`;
    return `Of ${where(chosen)}: the highest ${score(chosen)} stands in layer ${highest[0] + 1}, head ${highest[1] + 1}. The steeper a line, the fewer tokens its head ${facts().given ? "scores" : "attends to"}.`;
  }

  function layerTrend(chosen, { name, positions: [position] }, peak, rank) {
    const heads = some("head", chosen.heads, facts().heads);
    return `“${name}” at position ${position} scores highest in layer ${peak + 1}, over ${heads}; its best rank in a head there is ${rank}.`;
  }

  function distribution(chosen, quarter, peak) {
    const at = peak.end - 1 > peak.start ? `positions ${peak.start} to ${peak.end - 1}` : `position ${peak.start}`;
    return `Of ${where(chosen)}: the first quarter of the document holds ${percent(quarter)} of all scores. The peak lies at ${at}, around “${peak.top}”.`;
  }

  return { number, short, some, digits, percent, where, score, heatmap, rankTrendByLayer, rankTrendByHead, layerTrend, distribution };
})();
