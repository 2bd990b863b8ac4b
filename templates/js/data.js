// Read the blocks of the page: JSON, and packed bytes that become typed arrays. `page_data.py` packs them.
reportgen.data = (() => {
  "use strict";

  const element = (name) => document.getElementById(`data-${name}`);
  const has = (name) => element(name) !== null;
  const block = (name) => JSON.parse(element(name).textContent);

  async function bytes(packed) {
    const text = atob(packed.data);
    const deflated = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) deflated[i] = text.charCodeAt(i);
    const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function integers(packed) {
    // The first bytes of all numbers come before the second ones.
    const planes = await bytes(packed);
    if (packed.width === 1) return planes;
    const numbers = new (packed.width === 2 ? Uint16Array : Uint32Array)(packed.length);
    for (let plane = 0, at = 0; plane < packed.width; plane++)
      for (let i = 0; i < numbers.length; i++, at++) numbers[i] |= planes[at] << (8 * plane);
    return numbers;
  }

  const floats = async (packed) => Float64Array.from(new Float32Array((await integers(packed)).buffer));

  function values(codes, { top, step, zero }) {
    const known = new Float64Array(zero + 1);
    for (let code = 0; code < zero; code++) known[code] = top * 2 ** (-step * code);
    return Float32Array.from(codes, (code) => known[code]);
  }

  async function received(facts, packed) {
    // Values in the order of their ranks, and by token.
    const [ranks, falls] = await Promise.all([integers(packed.ranks), integers(packed.falls)]);
    for (let row = 0; row < falls.length; row += facts.tokens)
      for (let i = row + 1; i < row + facts.tokens; i++) falls[i] += falls[i - 1];
    const ordered = values(falls, packed);
    const byToken = new Float32Array(ordered.length);
    for (let row = 0; row < ordered.length; row += facts.tokens)
      for (let i = row; i < row + facts.tokens; i++) byToken[i] = ordered[row + ranks[i]];
    return { ranks, ordered, received: byToken };
  }

  async function load() {
    // What colours and rankings need. All arrays are (layer, head, token).
    const facts = block("document");
    const reader = has("reader") ? block("reader") : null;
    const [main, counts, total, lastRow] = await Promise.all([
      received(facts, block("received")),
      integers(block("counts")),
      floats(block("received").total),
      reader && floats(reader.total),
    ]);
    const row = reader && values(await integers(reader.codes), reader);
    const importance = Float64Array.from(facts.importance.flat());
    const seen = has("seen") ? await perQuery(facts, main.received) : null;
    const ranges = { range: range(facts, main.received, importance), rangePerQuery: seen && range(facts, seen, importance) };
    const attributions = has("attributions") ? await signed(facts) : [];
    return { facts, attributions, ...main, counts, row, total, lastRow, importance, perQuery: seen, ...ranges, ...words(facts) };
  }

  async function signed({ tokens }) {
    // What speaks for and against each label: {label, explanation, scores (token,)}.
    const { choices, scores } = block("attributions");
    const all = await floats(scores);
    return choices.map((one, n) => ({ ...one, scores: all.subarray(n * tokens, (n + 1) * tokens) }));
  }

  async function perQuery({ heads, tokens }, received) {
    // Divided by the number of queries that can see the token: that is one number for all heads of a layer.
    const seen = await integers(block("seen"));
    return received.map((value, i) => value / Math.max(seen[Math.floor(i / (heads * tokens)) * tokens + (i % tokens)], 1));
  }

  function range({ tokens, given }, received, importance) {
    // The smallest and the largest weighted value of all: scores lie between them, from 0 to 1.
    if (given) return { low: 0, high: 1 }; // scores from elsewhere stay as they are
    const factors = importance.some((factor) => factor !== 0) ? importance : importance.map(() => 1);
    let [low, high] = [Infinity, -Infinity];
    received.forEach((value, i) => {
      const weighted = value * factors[Math.floor(i / tokens)];
      low = Math.min(low, weighted);
      high = Math.max(high, weighted);
    });
    return { low, high };
  }

  function words({ tokens, words, masked, special, blank, echo }) {
    const wordOf = new Int32Array(tokens).fill(-1);
    words.forEach((positions, word) => positions.forEach((position) => (wordOf[position] = word)));
    const flags = (list, length) => {
      const found = new Uint8Array(length);
      for (const at of list) found[at] = 1;
      return found;
    };
    return {
      wordOf,
      isMasked: flags(masked, words.length),
      isSpecial: flags(special, tokens),
      isBlank: flags(blank, tokens),
      isEcho: flags(echo, tokens),
    };
  }

  async function links() {
    // Lists of {leads, weights}; each holds one link of every token, (layer, head, token).
    const { attended, attending, ...scale } = block("links");
    const unpack = (lists) =>
      Promise.all(lists.map(async (one) => ({ leads: await integers(one.leads), weights: await integers(one.weights) })));
    return { attended: await unpack(attended), attending: await unpack(attending), ...scale };
  }

  const script = async (name) => new TextDecoder().decode(await bytes(block(name)));

  return { block, has, load, links, integers, script };
})();
