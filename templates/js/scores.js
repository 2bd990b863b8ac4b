// Scores of the chosen layers and heads, by token and by unit. The definitions are those of `scale.py`.
reportgen.scores = (() => {
  "use strict";

  let model;
  const start = (loaded) => (model = loaded);

  // What colour shows instead of attention: {label, explanation, scores (token,)}; null for attention.
  const attribution = (state) => (state.attribution === null ? null : model.attributions[state.attribution - 1]);

  function selection(state) {
    // What is chosen, from 0, with the factor of every chosen head.
    const { facts, importance } = model;
    const layers = state.layers.map((n) => facts.numbers.indexOf(n));
    const heads = state.heads.map((n) => n - 1);
    const lastAlone = facts.reader_alone && layers.length === 1 && layers[0] === facts.layers - 1 && facts.layers > 1;
    const from = state.from === "auto" ? (lastAlone && model.row ? "global" : "all") : state.from;
    const scaled = state.scores === "scaled";
    // Where importance would make every chosen score 0, every head counts the same: an order is still an order.
    const weighted = scaled && layers.some((l) => heads.some((h) => importance[l * facts.heads + h] !== 0));
    const empty = !layers.length || !heads.length;
    const every = layers.length === facts.layers && heads.length === facts.heads;
    const { mask, words, echoes } = state;
    const perQuery = from === "all" && state.per_query && model.perQuery !== null;
    return { layers, heads, from, perQuery, scaled, weighted, empty, every, mask, words, echoes };
  }

  function shown(state) {
    // What colours the text: all attention, or the row of the classifier's token, of the layers and heads chosen. Where
    // all layers are chosen the row is that of the last one, which the classifier reads.
    if (state.view !== "reader") return selection(state);
    const { numbers } = model.facts;
    const layers = state.layers.length === numbers.length ? numbers.slice(-1) : state.layers;
    return selection({ ...state, layers, from: "global" });
  }

  function measure(chosen) {
    // (layer, head) -> how the values of that head become scores: (value * factor - low) / span.
    const { facts, importance } = model;
    const { low, high } = chosen.perQuery ? model.rangePerQuery : model.range;
    const normalised = chosen.from === "all" && chosen.scaled && chosen.weighted;
    return (l, h) => ({
      factor: chosen.weighted ? importance[l * facts.heads + h] : 1,
      low: normalised ? low : 0,
      span: normalised ? high - low || 1 : 1,
    });
  }

  function base(chosen) {
    // What every score is above no attention, see `scale.above_none`.
    const { low, span } = measure(chosen)(0, 0);
    return (chosen.layers.length * chosen.heads.length * low) / span;
  }

  const array = (chosen) => (chosen.from === "global" ? model.row : chosen.perQuery ? model.perQuery : model.received);

  function byToken(chosen, layers = chosen.layers) {
    // Sum over the chosen heads of *layers*, (token,). What the page shows at first is kept to the last digit.
    const { heads, tokens, per_query } = model.facts;
    const everyHead = chosen.heads.length === heads && chosen.scaled;
    if (everyHead && chosen.from === "all" && chosen.perQuery === per_query && layers.length === model.facts.layers) return model.total;
    if (everyHead && chosen.from === "global" && String(layers) === String([model.facts.layers - 1])) return model.lastRow;
    const total = new Float64Array(tokens);
    const source = array(chosen);
    const of = measure(chosen);
    for (const l of layers) {
      for (const h of chosen.heads) {
        const { factor, low, span } = of(l, h);
        const row = (l * heads + h) * tokens;
        for (let t = 0; t < tokens; t++) total[t] += (source[row + t] * factor - low) / span;
      }
    }
    return total;
  }

  const isRanked = (t, { echoes }) => echoes || !model.isEcho[t]; // whether a token of the text is ranked and coloured
  const pieces = (word, state) => model.facts.words[word].filter((t) => isRanked(t, state));

  function units(state) {
    // What is ranked: tokens of the text, or whole words; each with its positions. Masked ones and echoes are left out.
    const { facts, wordOf, isMasked, isSpecial, isBlank } = model;
    const found = [];
    if (state.words) {
      facts.words.forEach((_, word) => {
        const positions = pieces(word, state);
        if (positions.length && !(state.mask && isMasked[word])) found.push({ name: facts.word_texts[word], positions });
      });
      return found;
    }
    for (let t = 0; t < facts.tokens; t++)
      if (!isSpecial[t] && !isBlank[t] && isRanked(t, state) && !(state.mask && isMasked[wordOf[t]])) found.push({ name: facts.names[t], positions: [t] });
    return found;
  }

  function listed(state) {
    // What lists name: content words, unless stop words and punctuation are asked for, or there is nothing else.
    if (state.common) return state;
    const { facts, isMasked } = model;
    const content = facts.words.some((_, word) => !isMasked[word] && pieces(word, state).length);
    return content ? { ...state, mask: true } : state;
  }

  const sum = (values, positions) => {
    let total = 0;
    for (const position of positions) total += values[position];
    return total;
  };

  function highest(units, values, strength = (value) => value) {
    // [unit, value], the largest *strength* of a value first; equal ones in the order of the text.
    const valued = units.map((unit) => [unit, sum(values, unit.positions)]);
    return valued.sort((a, b) => strength(b[1]) - strength(a[1]) || a[0].positions[0] - b[0].positions[0]);
  }

  function ordered(chosen, l, h) {
    // Scores of one head, largest first. Special tokens count, as they do in the figures on paper.
    const { facts, wordOf, isMasked, ranks } = model;
    const { factor, low, span } = measure(chosen)(l, h);
    const row = (l * facts.heads + h) * facts.tokens;
    const plain = !chosen.mask && !chosen.words;
    if (plain && chosen.from === "all" && !chosen.perQuery && factor >= 0)
      return Float64Array.from(model.ordered.subarray(row, row + facts.tokens), (value) => (value * factor - low) / span);
    const source = array(chosen);
    const values = [];
    const seen = chosen.words ? new Map() : null;
    for (let t = 0; t < facts.tokens; t++) {
      const word = wordOf[t];
      if (chosen.mask && word >= 0 && isMasked[word]) continue;
      const value = (source[row + t] * factor - low) / span;
      if (seen && word >= 0 && isRanked(t, chosen)) seen.set(word, (seen.get(word) ?? 0) + value);
      else values.push(value);
    }
    if (seen) values.push(...seen.values());
    return Float64Array.from(values).sort().reverse();
  }

  function ranks(chosen) {
    // Rank of every token in every head, from 0, by what is looked at: (layer, head, token).
    if (chosen.perQuery) return (model.perQueryRanks ??= ranked(model.perQuery));
    if (chosen.from === "all") return model.ranks;
    model.rowRanks ??= ranked(model.row);
    return model.rowRanks;
  }

  function ranked(values) {
    // Largest first, equal values in the order of the text.
    const { tokens } = model.facts;
    const found = new (tokens > 65536 ? Uint32Array : Uint16Array)(values.length);
    const order = new Uint32Array(tokens);
    for (let row = 0; row < values.length; row += tokens) {
      for (let t = 0; t < tokens; t++) order[t] = t;
      order.sort((a, b) => values[row + b] - values[row + a] || a - b);
      for (let rank = 0; rank < tokens; rank++) found[row + order[rank]] = rank;
    }
    return found;
  }

  function unitAt(position, state) {
    // The token at a position, or all pieces of its word.
    const word = model.wordOf[position];
    if (state.words && word >= 0 && isRanked(position, state)) return { name: model.facts.word_texts[word], positions: pieces(word, state) };
    return { name: model.facts.names[position], positions: [position] };
  }

  function bestRank(chosen, positions, layers = chosen.layers) {
    // The best rank that one of *positions* has in a chosen head, from 1.
    const { heads, tokens } = model.facts;
    const own = ranks(chosen);
    let best = Infinity;
    for (const l of layers)
      for (const h of chosen.heads)
        for (const position of positions) best = Math.min(best, own[(l * heads + h) * tokens + position] + 1);
    return best;
  }

  function lists(chosen) {
    // In how many lists of the chosen heads a token is among the most attended, (token,).
    const { heads, tokens } = model.facts;
    const total = new Float64Array(tokens);
    for (const l of chosen.layers)
      for (const h of chosen.heads)
        for (let t = 0, row = (l * heads + h) * tokens; t < tokens; t++) total[t] += model.counts[row + t];
    return total;
  }

  return { start, attribution, selection, shown, base, byToken, units, unitAt, pieces, listed, sum, highest, ordered, ranks, bestRank, lists, model: () => model };
})();
