// What the test of the heatmap removes at a share: struck through in the text, a line in the curve, a sentence.
reportgen.removed = (() => {
  "use strict";

  const NAMED = 12; // words in the sentence
  let tested; // null where nothing was tested
  let at = 0; // 0: the whole document; n: the n-th share
  let order = 0;
  const listeners = [];
  const element = (id) => document.getElementById(id);

  async function start() {
    tested = reportgen.data.has("removed") ? await load(reportgen.data.block("removed")) : null;
    if (!tested) return;
    element("removed-order").append(...tested.orders.map(({ name }, n) => reportgen.dom.make("option", { value: n }, name)));
    element("removed-order").addEventListener("change", ({ target }) => choose(at, Number(target.value)));
    element("removed").addEventListener("input", ({ target }) => choose(Number(target.value)));
    reportgen.state.onReset(() => choose(0, 0));
    show();
  }

  async function load(block) {
    // The tokens of each unit, and the units of each order, the first to go first.
    const [lengths, positions] = await Promise.all([block.lengths, block.positions].map(reportgen.data.integers));
    let from = 0;
    const units = Array.from(lengths, (length) => positions.subarray(from, (from += length)));
    const orders = await Promise.all(block.orders.map(async (one) => ({ ...one, units: await reportgen.data.integers(one.units) })));
    return { ...block, units, orders };
  }

  function choose(share, which = order) {
    if (share === at && which === order) return;
    [at, order] = [share, which];
    show();
    for (const listener of listeners) listener();
  }

  function show() {
    const { shares, counts, units, orders } = tested;
    const gone = at ? Array.from(orders[order].units.subarray(0, counts[at - 1]), (n) => units[n]) : [];
    reportgen.walk.mark("gone", gone.flatMap((unit) => [...unit]));
    element("removed").value = at;
    element("removed").setAttribute("aria-valuetext", at ? percent(shares[at - 1]) : "nothing");
    element("removed-said").replaceChildren(...sentence(gone));
  }

  const percent = (share) => `${Number((share * 100).toPrecision(3))}%`;

  function sentence(gone) {
    const { number, percent: probability } = reportgen.captions;
    const { unit, way, label, shares, units, whole, draws, random } = tested;
    if (!at) return [`The whole document gives “${label}” a probability of ${probability(whole, 1)}.`];
    const [low, high] = random[at - 1];
    const some = gone.length === 1 ? unit : `${unit}s`;
    const told =
      `Without ${percent(shares[at - 1])} of the ${unit}s (${number(gone.length)} of ${number(units.length)}, ${way}) it is ` +
      `${probability(tested.orders[order].probabilities[at - 1], 1)}; ${draws} random choices leave ${probability(low, 1)} to ${probability(high, 1)}. `;
    if (unit !== "word") return [`${told}The ${some} are struck through in the text.`];
    const first = gone.slice(0, NAMED).flatMap((unit, n) => [n ? ", " : "", reportgen.dom.jump(unit[0], name(unit))]);
    return [told, "Struck through in the text: ", ...first, gone.length > NAMED ? " …" : "."];
  }

  function name([position]) {
    const { facts, wordOf } = reportgen.scores.model();
    return wordOf[position] >= 0 ? facts.word_texts[wordOf[position]] : facts.names[position];
  }

  function mark(rows) {
    // The rows of a curve, with the chosen share marked.
    const share = at ? tested.shares[at - 1] * 100 : -1;
    return rows.map((row) => (row.draws === "step" ? { ...row, chosen: Math.abs(row.share - share) < 1e-6 } : row));
  }

  function follow(view) {
    // The pointer chooses the share that it is nearest to.
    view.addEventListener("mousemove", (event, item) => {
      if (item?.datum?.draws !== "step") return;
      choose(1 + tested.shares.findIndex((share) => Math.abs(share * 100 - item.datum.share) < 1e-6));
    });
  }

  return { start, mark, follow, subscribe: (listener) => listeners.push(listener) };
})();
