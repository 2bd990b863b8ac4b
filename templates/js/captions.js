// Captions that follow the choices of the reader. Before any choice the page shows those of `captions.py`.
reportgen.captions = (() => {
  "use strict";

  const number = (value) => value.toLocaleString("en-US");
  const short = (value) => (value === 0 ? "0" : String(Number(value.toPrecision(3))));
  const multiple = (times) => (times >= 9.95 ? `${number(Math.round(times))}×` : `${Number(times.toFixed(times >= 0.095 ? 1 : 2))}×`);
  const almostEven = (most, unit = "token") => `No ${unit} draws more than ${multiple(most)} the even share: attention is almost even here.`;
  const digits = (value) => Number(value.toPrecision(4));
  const percent = (share, places = 0) => `${(share * 100).toFixed(places)}%`;
  const facts = () => reportgen.scores.model().facts;

  const layer = (l) => facts().numbers[l]; // as people count

  function some(kind, list, count) {
    // "all layers", "layers 1-3", "head 7"
    if (list.length === count) return count === 1 ? `the only ${kind}` : `all ${kind}s`;
    return `${kind}${list.length === 1 ? "" : "s"} ${reportgen.state.ranges(list.map((n) => (kind === "layer" ? layer(n) : n + 1)))}`.replaceAll("-", "–");
  }

  const single = () => facts().given && facts().layers === 1 && facts().heads === 1;

  function where({ layers, heads, every }) {
    if (single()) return "the document"; // one list of scores has no layers, no heads
    return every ? "all layers and heads" : `${some("layer", layers, facts().layers)}, ${some("head", heads, facts().heads)}`;
  }

  function weighing(chosen) {
    if (!chosen.scaled) return "unweighted";
    if (facts().measure === "none") return "with all heads counting equally";
    return chosen.weighted ? "weighted by head importance" : "unweighted because the importance of every chosen head is 0";
  }

  const average = ({ perQuery }) => (perQuery ? ", divided by the number of tokens that can see it" : "");

  function heatmap(chosen) {
    const unsigned = "Attention has no sign: it shows where the model looked, not which words support or oppose a label.";
    if (chosen.empty) return "No layer or no head is chosen, so there is nothing to colour.";
    const summed = `${weighing(chosen)}, summed over ${where(chosen)}.`;
    if (single()) return "Colour shows the score of a token. Colour has no sign: it does not show which words support or oppose a label.";
    if (facts().given) return `Colour shows the score of a token, summed over ${where(chosen)}. Colour has no sign: it does not show which words support or oppose a label.`;
    if (chosen.from === "all") return `Colour shows the attention that a token receives from all tokens${average(chosen)}, ${summed} ${unsigned}`;
    const last = chosen.layers.includes(facts().layers - 1);
    const plain = last && chosen.layers.length === 1 && chosen.heads.length === facts().heads; // as in `heatmap.py`
    const why = !last
      ? ""
      : facts().reader_alone
      ? " In the last layer only this row feeds the classifier; the attention of other tokens there cannot reach the prediction."
      : " The attention of other tokens in the last of these layers reaches the prediction too: what follows it mixes the tokens.";
    const over = plain ? ` in layer ${layer(facts().layers - 1)}, ${weighing(chosen)}.` : `, ${summed}`;
    return `Colour shows the attention of ${facts().reader} to a token${over}${why} ${unsigned}`;
  }

  function score(chosen) {
    // The name of a score on an axis.
    if (facts().given) return "score";
    if (chosen.from === "global") return `attention of ${facts().reader}`;
    return chosen.scaled ? "attention score" : chosen.perQuery ? "attention per query" : "attention received";
  }

  function rankTrendByLayer(chosen, means) {
    // means: {layer -> ordered scores}. The share of each layer's score that its first k tokens hold.
    const k = facts().top_k;
    const shares = [...means].map(([layer, line]) => {
      const total = line.reduce((a, b) => a + b, 0);
      return [layer, total > 0 ? line.slice(0, k).reduce((a, b) => a + b, 0) / total : 0];
    });
    const [most, share] = shares.reduce((a, b) => (b[1] > a[1] ? b : a));
    const times = multiple((share * means.get(most).length) / Math.min(k, means.get(most).length));
    if (shares.length === 1) return `In ${where(chosen)} the first ${k} tokens have ${times} the even share of the ${score(chosen)}.`;
    return `In layer ${layer(most)} the first ${k} tokens have ${times} the even share of the ${score(chosen)}, the most of ${where(chosen)}.`;
  }

  function rankTrendByHead(chosen, highest, value) {
    if (chosen.layers.length === 1 && chosen.heads.length === 1)
      return `In ${where(chosen)} the highest ${score(chosen)} is ${short(value)}. The steeper the line, the fewer tokens the head ${facts().given ? "scores" : "attends to"}.`;
    return `The highest ${score(chosen)} of ${where(chosen)} is in layer ${layer(highest[0])}, head ${highest[1] + 1}. The steeper a line, the fewer tokens its head ${facts().given ? "scores" : "attends to"}.`;
  }

  function layerTrend(chosen, { name, positions: [position] }, peak, rank) {
    const heads = some("head", chosen.heads, facts().heads);
    return `The score of “${name}” at position ${position}, summed over ${heads}, is highest in layer ${layer(peak)}, where its best rank in a head is ${rank}.`;
  }

  function distribution(chosen, quarter, peak) {
    const at = peak.end - 1 > peak.start ? `positions ${peak.start} to ${peak.end - 1}` : `position ${peak.start}`;
    return `In ${where(chosen)} the first quarter of the document holds ${percent(quarter)} of the total score. The peak is at ${at}, around “${peak.top}”.`;
  }

  return { single, number, short, multiple, almostEven, layer, some, digits, percent, where, score, heatmap, rankTrendByLayer, rankTrendByHead, layerTrend, distribution };
})();
