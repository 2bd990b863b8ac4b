// Details of the chosen token: score, rank in every head, attended and attending tokens, other occurrences.
reportgen.token = (() => {
  "use strict";

  const { make, jump } = reportgen.dom;
  let shown = null; // the token shown last
  let links = null; // unpacked when the first token is opened

  // --- links -----------------------------------------------------------------------------------------------------

  const weight = (code) => (code === 255 ? 0 : 2 ** (-code / links.steps));

  function target(lead, at, { tokens, globals }) {
    const half = tokens + globals.length > links.global ? 2 ** 31 : links.global;
    if (lead >= half && lead - half < globals.length) return globals[lead - half];
    return at + (lead >= half ? lead - 2 * half : lead);
  }

  function linked(direction, positions, chosen, model) {
    // Sum over the chosen heads of the weights between *positions* and every token, weighted like the scores.
    // A pair counts once in a head, whichever of the two lists names it.
    const { facts, importance, row } = model;
    const total = new Float64Array(facts.tokens);
    const head = new Float64Array(facts.tokens);
    const inside = new Set(positions);
    const [own, other] = direction === "attended" ? [links.attended, links.attending] : [links.attending, links.attended];
    for (const l of chosen.layers) {
      for (const h of chosen.heads) {
        const start = (l * facts.heads + h) * facts.tokens;
        const factor = chosen.weighted ? importance[l * facts.heads + h] : 1;
        for (const position of positions) {
          head.fill(0);
          if (row && direction === "attended" && position === facts.reader_position) {
            for (let t = 0; t < facts.tokens; t++) head[t] = row[start + t]; // this row is kept whole
          } else {
            for (const { leads, weights } of other)
              for (let t = 0; t < facts.tokens; t++)
                if (weights[start + t] !== 255 && target(leads[start + t], t, facts) === position) head[t] = weight(weights[start + t]);
            own.forEach(({ leads, weights }, n) => {
              const code = weights[start + position];
              // subtle: weights are rounded; where that makes two equal, the order of the lists still distinguishes them
              if (code !== 255) head[target(leads[start + position], position, facts)] = weight(code) * (1 - n * 1e-5);
            });
            if (row && direction === "attending") head[facts.reader_position] = row[start + position];
          }
          for (let t = 0; t < facts.tokens; t++) total[t] += head[t] * factor;
        }
      }
    }
    const mean = positions.length * chosen.layers.length * chosen.heads.length || 1;
    return [...total.keys()]
      .filter((t) => total[t] > 0 && !(inside.size > 1 && inside.has(t)))
      .sort((a, b) => total[b] - total[a] || a - b)
      .map((t) => [t, total[t] / mean]);
  }

  // --- what is shown -------------------------------------------------------------------------------------------------

  function table(caption, columns, rows) {
    const head = make("tr", {}, ...columns.map((column, n) => make("th", { scope: "col", class: n ? "n" : null }, column)));
    const body = rows.map((cells) => make("tr", {}, ...cells.map((cell, n) => make("td", { class: n ? "n" : null }, cell))));
    return make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
  }

  function linkTable(title, list, state, chosen, model) {
    if (!list.length) return make("p", { class: "hint" }, `${title}: no token stored in the page.`);
    const show = (value) => (chosen.weighted ? reportgen.captions.short(value) : reportgen.captions.percent(value, 1));
    const rows = list.slice(0, state.k).map(([t, value]) => [jump(t, model.facts.names[t]), String(t), show(value)]);
    return table(title, ["Token", "Position", chosen.weighted ? "Weighted" : "Attention"], rows);
  }

  function rankTable(positions, chosen, { facts }) {
    // Rank in every layer and head; the shade says the same as the number.
    const { layers, heads, tokens } = facts;
    const ranks = reportgen.scores.ranks(chosen);
    const head = make("tr", {}, make("td", {}), ...Array.from({ length: heads }, (_, h) => make("th", { scope: "col" }, String(h + 1))));
    const rows = Array.from({ length: layers }, (_, l) => {
      const cells = Array.from({ length: heads }, (_, h) => {
        const rank = Math.min(...positions.map((t) => ranks[(l * heads + h) * tokens + t] + 1));
        const n = tokens > 1 ? Math.round(15 * (1 - Math.log(rank) / Math.log(tokens))) : 15;
        return make("td", { class: `h${n}` }, String(rank));
      });
      return make("tr", {}, make("th", { scope: "row" }, String(facts.numbers[l])), ...cells);
    });
    const seen = chosen.from === "global" ? `, by the attention of ${facts.reader}` : "";
    const caption = `Rank among ${reportgen.captions.number(tokens)} tokens${seen}: layers from top to bottom, heads from left to right${positions.length > 1 ? "; best rank of its pieces" : ""}`;
    const made = make("table", { class: "ranks", "aria-labelledby": "ranks-title" }, make("thead", {}, head), make("tbody", {}, ...rows));
    return [
      make("p", { class: "caption", id: "ranks-title" }, caption),
      make("div", { class: "wide", role: "region", "aria-labelledby": "ranks-title", tabindex: "0" }, made),
    ];
  }

  function sameWord(state, ranked, model) {
    const word = model.wordOf[state.token];
    reportgen.walk.mark("same", []);
    if (word < 0) return null;
    const text = model.facts.word_texts[word].toLowerCase();
    const found = model.facts.words.flatMap((positions, n) => (n !== word && model.facts.word_texts[n].toLowerCase() === text ? [positions] : []));
    reportgen.walk.mark("same", found.flat());
    if (!found.length) return make("p", { class: "hint" }, "The word occurs nowhere else in the document.");
    const rows = found.map((positions) => {
      const place = Math.min(...positions.map((t) => ranked.get(t) ?? Infinity));
      return [jump(positions[0], String(positions[0])), place === Infinity ? "masked" : reportgen.captions.number(place)];
    });
    return table(`Other occurrences of the word: ${reportgen.captions.number(found.length)}`, ["Position", "Rank"], rows);
  }

  function ranking(state, scores) {
    // Position -> rank of its unit by the scores chosen, from 1.
    const units = reportgen.scores.highest(reportgen.scores.units(state), scores);
    const base = reportgen.scores.base(reportgen.scores.shown(state));
    const amount = ({ positions }, score) => score + base * positions.length;
    const mean = units.reduce((total, [unit, score]) => total + amount(unit, score), 0) / units.length;
    const ranked = new Map(units.flatMap(([{ positions }], n) => positions.map((t) => [t, n + 1])));
    return { ranked, times: (unit, score) => amount(unit, score) / (mean || 1), count: units.length };
  }

  function facts(state, chosen, scores, { ranked, times, count }, own) {
    const { short, multiple, number, score, where, single } = reportgen.captions;
    const mine = reportgen.scores.sum(scores, own.positions);
    const rank = ranked.get(state.token);
    const best = reportgen.scores.bestRank(chosen, own.positions);
    return make(
      "dl",
      {},
      line(score(chosen).replace(/^./, (letter) => letter.toUpperCase()), short(mine)),
      line("Times even", rank ? multiple(times(own, mine)) : "not counted"),
      line("Rank", rank ? `${number(rank)} of ${number(count)} ${state.words ? "words" : "tokens"}` : "not ranked"),
      ...(single() ? [] : [line("Best rank in a head", best === Infinity ? "none" : number(best)), line("Over", where(chosen))]),
      ...signed(own),
    );
  }

  const line = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, value));

  function signed({ positions }) {
    if (!reportgen.scores.model().attributions.length) return [];
    return reportgen.signed.said(positions).map(([label, said]) => line(`For ${label}`, said));
  }

  function legend(chosen) {
    // What the figures of the links are, and how their ends are marked in the text.
    const kept = (lists) => (lists.length === 1 ? "the strongest link" : `the ${lists.length} strongest links`);
    const shown = ["to", "by", "same"].map((mark, n) =>
      make("span", { "data-mark": mark }, ["attended", "attending", "same word"][n]),
    );
    return make(
      "p",
      { class: "hint" },
      `Mean over the chosen heads${chosen.weighted ? ", weighted by importance" : ""}. For every head the page stores ${kept(links.attended)} from a token and ${kept(links.attending)} to it; weaker links count as 0. Marks in the text: `,
      ...shown.flatMap((span, n) => (n ? [", ", span] : [span])),
      ".",
    );
  }

  async function show(state) {
    const model = reportgen.scores.model();
    const body = document.getElementById("token-body");
    const panel = document.getElementById("instrument");
    panel.classList.toggle("open", state.token !== null);
    document.documentElement.classList.toggle("opened", state.token !== null);
    if (state.token === null) {
      shown = null;
      for (const name of ["open", "to", "by", "same"]) reportgen.walk.mark(name, []);
      body.replaceChildren(make("p", { class: "hint" }, `Click a word, or move to it with the arrow keys and press Enter, to see ${model.facts.given ? "" : "which tokens it attends to, which tokens attend to it, and "}${reportgen.captions.single() ? "its score and its rank" : "its rank in every head"}.`));
      return;
    }
    const own = reportgen.scores.unitAt(state.token, state);
    reportgen.walk.mark("open", own.positions);
    const chosen = reportgen.scores.selection(state);
    const title = make("p", { class: "name" }, make("b", {}, own.name), ` at position ${own.positions.join(", ")} `);
    title.append(make("button", { type: "button", id: "close", onclick: close }, "Close"));
    if (chosen.empty) {
      for (const name of ["to", "by", "same"]) reportgen.walk.mark(name, []);
      const hint = make("p", { class: "hint" }, "No layer or no head is chosen, so there is nothing to show of attention.");
      body.replaceChildren(title, hint, make("dl", {}, ...signed(own)));
      return;
    }
    links ??= await reportgen.data.links();
    const seen = reportgen.scores.shown(state); // the score is that of the colours
    const scores = reportgen.scores.byToken(seen);
    const order = ranking(state, scores);
    const known = !model.facts.given; // given scores have no attention between tokens
    const to = known ? linked("attended", own.positions, chosen, model) : [];
    const by = known ? linked("attending", own.positions, chosen, model) : [];
    reportgen.walk.mark("to", to.slice(0, state.k).map(([t]) => t));
    reportgen.walk.mark("by", by.slice(0, state.k).map(([t]) => t));
    body.replaceChildren(
      title,
      ...(model.isEcho[state.token] ? [make("p", { class: "hint" }, `${model.facts.echo_note}. Its score belongs to the place, whatever the token says.`)] : []),
      facts(state, seen, scores, order, own),
      ...(known ? [linkTable("Attends to most", to, state, chosen, model), linkTable("Attended most by", by, state, chosen, model), legend(chosen)] : []),
      ...(reportgen.captions.single() ? [] : rankTable(own.positions, chosen, model)),
      ...[sameWord(state, order.ranked, model)].filter(Boolean),
    );
    if (state.token !== shown) {
      shown = state.token;
      reportgen.walk.go(shown); // also from under the sheet that has just been opened
      say(own, state, order, scores);
    }
  }

  function close() {
    reportgen.state.change({ token: null });
    document.getElementById("text").focus({ preventScroll: true });
  }

  function say({ name, positions }, state, { ranked, count }, scores) {
    const attribution = reportgen.scores.attribution(state);
    if (attribution) {
      const value = reportgen.signed.write(reportgen.scores.sum(attribution.scores, positions));
      document.getElementById("said").textContent = `${name}, position ${positions[0]}, ${value} for ${attribution.label}, opened`;
      return;
    }
    const rank = ranked.get(positions[0]);
    const place = rank ? `rank ${rank} of ${count}` : "not ranked";
    document.getElementById("said").textContent = `${name}, position ${positions[0]}, ${reportgen.captions.short(reportgen.scores.sum(scores, positions))}, ${place}, opened`;
  }

  function start(model) {
    reportgen.state.subscribe((state) => reportgen.dom.later("token", () => show(state)));
    reportgen.walk.subscribe((position) => {
      document.getElementById("said").textContent = `${model.facts.names[position]}, position ${position}${model.isEcho[position] ? ", echo of a position" : ""}`;
    });
    document.addEventListener("keydown", ({ key, target }) => {
      if (key === "Escape" && reportgen.state.get().token !== null && target.type !== "search") close();
    });
    if (reportgen.state.get().token !== null) reportgen.dom.later("token", () => show(reportgen.state.get()));
  }

  return { start };
})();
