// Compute the top-k tables of the chosen layers and heads. Columns and captions are those of `tables.py`.
reportgen.rankings = (() => {
  "use strict";

  const NAMED = 5; // words per head in the table of heads
  const LOOKED_AT = 40; // tokens in which they are found
  const { short, multiple, number, where } = reportgen.captions;
  const numeral = (value) => (Math.abs(value) >= 0.1 && Math.abs(value) < 1e6 ? value.toFixed(3) : short(value)); // as in numbers.py

  function top(units, k) {
    // The k units with the highest values, [unit, value]; equal values in the order of the text.
    return [...units].sort((a, b) => b[1] - a[1] || a[0].positions[0] - b[0].positions[0]).slice(0, k);
  }

  const valued = (units, values) => units.map((unit) => [unit, reportgen.scores.sum(values, unit.positions)]);
  const link = (unit) => ({ text: inWord(unit), position: unit.positions[0] });

  function inWord({ name, positions }) {
    // The word of a token and, in brackets, the piece of it that the token is, as `words.in_words` writes it.
    const { facts, wordOf } = reportgen.scores.model();
    const word = wordOf[positions[0]];
    const text = word < 0 || positions.length > 1 ? name : facts.word_texts[word];
    return text === name.trim() ? name : `${text} (${name.trim()})`;
  }

  function wholeWords(best) {
    // Of each word its first unit, by the whole word.
    const { facts, wordOf } = reportgen.scores.model();
    const found = new Map();
    for (const [unit] of best) {
      const word = wordOf[unit.positions[0]];
      const text = word < 0 ? unit.name : facts.word_texts[word];
      if (!found.has(text)) found.set(text, { text, position: unit.positions[0] });
    }
    return [...found.values()].slice(0, NAMED);
  }
  const unitName = (state) => (state.words ? "Words" : "Tokens");

  function unranked({ mask, echoes }) {
    const left = ["special tokens", "white space"];
    if (mask && reportgen.scores.model().facts.masked.length) left.push("stop words", "punctuation");
    if (!echoes && reportgen.scores.model().facts.echo.length) left.push("echoes of position");
    return `${left.slice(0, -1).join(", ")} and ${left.at(-1)}`;
  }

  function byScore(state, chosen, units) {
    const scores = reportgen.scores.byToken(chosen);
    const all = valued(units, scores);
    const base = reportgen.scores.base(chosen);
    const amount = ([{ positions }, value]) => value + base * positions.length;
    const every = valued(reportgen.scores.units({ ...state, mask: false }), scores).map(amount); // 1 is the mean of these
    const mean = every.reduce((total, value) => total + value, 0) / every.length || 1;
    return {
      caption: `${unitName(state)} with the highest ${reportgen.captions.score(chosen)} over ${where(chosen)}: ${Math.min(state.k, all.length)} of ${number(all.length)}, without ${unranked(state)}`,
      rows: top(all, state.k).map(([unit, value], n) => [
        String(n + 1), link(unit), String(unit.positions[0]), numeral(value), multiple(amount([unit, value]) / mean),
        String(reportgen.scores.bestRank(chosen, unit.positions)),
      ]),
    };
  }

  function byReader(state, chosen, units) {
    // The row that the view of what the classifier reads colours: of the last layer, or of the layers chosen.
    const row = reportgen.scores.shown({ ...state, view: "reader" });
    const { facts } = reportgen.scores.model();
    const reads = row.layers.includes(facts.layers - 1);
    const place = row.layers.length > 1 || !reads ? where(row) : `the last layer, over ${reportgen.captions.some("head", row.heads, facts.heads)}`;
    const all = valued(units, reportgen.scores.byToken(row));
    return {
      caption: `${unitName(state)} that ${facts.reader} attends to most in ${place}${reads ? "; the classifier reads this row" : ""}`,
      columns: ["Rank", "Token", "Position", `${row.weighted && facts.measure !== "none" ? "Weighted attention" : "Attention"}, sum over heads`],
      numeric: [true, false, true, true],
      rows: top(all, state.k).map(([unit, value], n) => [String(n + 1), link(unit), String(unit.positions[0]), String(reportgen.captions.digits(value))]),
    };
  }

  function byCount(state, chosen, units) {
    const all = valued(units, reportgen.scores.lists(chosen));
    return {
      rows: top(all, state.k).map(([unit, count], n) => [String(n + 1), link(unit), String(unit.positions[0]), number(count)]),
      caption: `How often a token is among the ${reportgen.scores.model().facts.top_k} most attended, counted over all other tokens and ${where(chosen)}${state.words ? "; the counts of a word's pieces are added up" : ""}`,
    };
  }

  function byWord(state, chosen) {
    const words = reportgen.scores.units({ ...state, words: true });
    const together = new Map();
    for (const [{ name, positions }, count] of valued(words, reportgen.scores.lists(chosen))) {
      const key = name.toLowerCase();
      const one = together.get(key) ?? { name: key, positions, occurrences: 0, lists: 0 };
      one.occurrences++;
      one.lists += count;
      together.set(key, one);
    }
    const rows = [...together.values()].sort((a, b) => b.lists - a.lists).slice(0, state.k);
    return {
      caption: `How often a word is among the most attended: pieces joined, counts of all occurrences added up, upper and lower case alike, over ${where(chosen)}`,
      rows: rows.map((one, n) => [String(n + 1), link(one), number(one.occurrences), number(one.lists), (one.lists / one.occurrences).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })]),
    };
  }

  function byHead(state, chosen, units) {
    const { facts, importance } = reportgen.scores.model();
    const ranks = reportgen.scores.ranks(chosen);
    const rows = [];
    for (const l of chosen.layers) {
      for (const h of chosen.heads) {
        const row = (l * facts.heads + h) * facts.tokens;
        const first = (unit) => Math.min(...unit.positions.map((t) => ranks[row + t]));
        const best = units.map((unit) => [unit, -first(unit)]);
        rows.push([String(facts.numbers[l]), String(h + 1), numeral(importance[l * facts.heads + h]), wholeWords(top(best, LOOKED_AT))]);
      }
    }
    const paid = chosen.from === "global" ? `that ${facts.reader} attends to most` : facts.given ? "with the highest scores" : "that receive most attention";
    return { caption: `${unitName(state)} ${paid} in ${chosen.every ? "each layer and head" : where(chosen)}`, rows };
  }

  function bySign(state, { label, scores }, units, sign) {
    // The units that speak most for a label, or against it.
    const all = valued(units, scores).flatMap(([unit, value]) => (sign * value > 0 ? [[unit, sign * value]] : []));
    const rows = top(all, state.k);
    return {
      caption: `${unitName(state)} that speak most ${sign > 0 ? "for" : "against"} ${label}: ${rows.length} of ${number(all.length)}, without ${unranked(state)}`,
      rows: rows.map(([unit, value], n) => [String(n + 1), link(unit), String(unit.positions[0]), reportgen.signed.write(sign * value)]),
    };
  }

  const MAKERS = {
    "table-top-tokens": byScore,
    "table-reader-tokens": byReader,
    "table-attended-instances": byCount,
    "table-attended-words": byWord,
    "table-head-tokens": byHead,
  };

  function update(current) {
    const state = reportgen.scores.listed(current);
    const chosen = reportgen.scores.selection(state);
    const units = reportgen.scores.units(state);
    const nothing = { caption: "No layer or no head is chosen, so there is nothing to rank", rows: [] };
    for (const [id, maker] of Object.entries(MAKERS))
      if (reportgen.tables.frameOf(id)) reportgen.tables.set(id, chosen.empty ? nothing : maker(state, chosen, units));
    reportgen.scores.model().attributions.forEach((attribution, n) => {
      for (const [side, sign] of [["for", 1], ["against", -1]])
        if (reportgen.tables.frameOf(`table-attribution-${n + 1}-${side}`))
          reportgen.tables.set(`table-attribution-${n + 1}-${side}`, bySign(state, attribution, units, sign));
    });
  }

  function start() {
    const later = (state) => reportgen.dom.later("rankings", () => update(state));
    const matters = ({ token, map, scale, special, above, view, attribution, ...rest }) => JSON.stringify(rest);
    reportgen.state.subscribe((state, before) => matters(state) !== matters(before) && later(state));
    later(reportgen.state.get());
  }

  return { start };
})();
