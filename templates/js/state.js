// What the reader has chosen. It lives in the URL's fragment, so that a view can be linked.
reportgen.state = (() => {
  "use strict";

  const NARROWING = ["layers", "heads", "scores", "from", "per_query"]; // what chooses a part of attention
  const OF_ALL = ["from", "per_query"]; // those that only all attention has
  const STRONGEST = 15; // the last class of colour
  const LONGEST = 100; // rows of a list, unless the run was asked for more
  let first; // what a page without a fragment shows
  let current;
  let counts;
  let attributions; // how many there are
  let again; // timer of an address that was refused
  const listeners = [];
  const resetting = [];

  const everything = (count) => Array.from({ length: count }, (_, i) => i + 1);
  const whole = (text) => (/^\d{1,9}$/.test(text) ? Number(text) : null);

  function start(facts, signed) {
    counts = facts;
    attributions = signed;
    first = {
      layers: facts.numbers, // from 1, as people count; in hybrid models those with attention
      heads: everything(facts.heads),
      scores: "scaled",
      from: "auto", // the classifier's own row where only the last layer is chosen: nothing else can reach it there
      view: facts.opens, // what colours the text: "reader", the row of the classifier's token, or "all"; of the layers and heads chosen
      attribution: null, // which one colour shows, from 1; null for attention
      scale: facts.scale,
      special: false,
      echoes: facts.keep_echoes,
      per_query: facts.per_query,
      mask: false,
      common: false, // whether lists name stop words and punctuation
      above: 0, // classes paler than this one have no colour
      words: false,
      k: facts.top_k,
      token: null,
      map: null, // [layer, head]
    };
    current = { ...first, ...read(location.hash.slice(1)) };
    addEventListener("hashchange", () => {
      if (location.hash.includes("=") || location.hash === "") change({ ...first, ...read(location.hash.slice(1)) });
    });
  }

  const isLength = (k) => Number.isInteger(k) && k >= 1 && k <= Math.max(LONGEST, first.k);

  function numbers(text, known) {
    // "1-3,7" -> [1, 2, 3, 7]
    const found = new Set();
    for (const part of text.split(",")) {
      const [from, to = from] = part.split("-").map(whole);
      if (from === null || to === null) continue;
      for (const n of known) if (n >= from && n <= to) found.add(n);
    }
    return [...found].sort((a, b) => a - b);
  }

  function ranges(list) {
    // [1, 2, 3, 7] -> "1-3,7"
    const parts = [];
    for (const n of list) {
      const last = parts.at(-1);
      if (last && last[1] === n - 1) last[1] = n;
      else parts.push([n, n]);
    }
    return parts.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(",") || "none";
  }

  function read(fragment) {
    // What is not understood is left as it was.
    const found = {};
    const given = new URLSearchParams(fragment);
    for (const name of ["layers", "heads"]) {
      const list = given.has(name) && numbers(given.get(name), first[name]);
      if (list && (list.length || given.get(name) === "none")) found[name] = list;
    }
    const known = { scores: ["scaled", "unscaled"], scale: ["contrast", "linear", "rank", "log"], from: ["all", "global"] };
    for (const [name, options] of Object.entries(known))
      if (options.includes(given.get(name))) found[name] = given.get(name);
    if (found.from === "global" && counts.reader === null) delete found.from;
    for (const name of ["special", "echoes", "per_query", "mask", "common", "words"]) if (given.has(name)) found[name] = given.get(name) === "1";
    if (["all", "reader"].includes(given.get("view")) && (given.get("view") === "all" || counts.reader !== null)) found.view = given.get("view");
    else if (NARROWING.some((name) => name in found)) found.view = "all";
    const attribution = whole(given.get("attribution") ?? "");
    if (attribution >= 1 && attribution <= attributions) found.attribution = attribution;
    const above = whole(given.get("above") ?? "");
    if (above !== null && above <= STRONGEST) found.above = above;
    const k = whole(given.get("k") ?? "");
    if (isLength(k)) found.k = k;
    const token = whole(given.get("token") ?? "");
    if (token !== null && token < counts.tokens) found.token = token;
    const map = (given.get("map") ?? "").split(".").map(whole);
    if (map.length === 2 && first.layers.includes(map[0]) && map[1] >= 1 && map[1] <= counts.heads) found.map = map;
    return found;
  }

  function write() {
    const parts = [];
    const implied = NARROWING.some((name) => String(current[name]) !== String(first[name])); // then "all" goes without saying
    for (const name of Object.keys(first)) {
      const value = current[name];
      if (name === "view" && value === "all" && implied) continue;
      const said = name === "view" && implied; // beside layers and heads, what is not "all" is written
      if ((!said && String(value) === String(first[name])) || value === null) continue;
      if (Array.isArray(value)) parts.push(`${name}=${name === "map" ? value.join(".") : ranges(value)}`);
      else parts.push(`${name}=${typeof value === "boolean" ? Number(value) : value}`);
    }
    return parts.join("&");
  }

  function address() {
    // Browsers count changes of the address and refuse some, with an error or without a word. The last one that was
    // refused is written a second later, and again until it is taken.
    clearTimeout(again);
    const wanted = write() && `#${write()}`;
    try {
      history.replaceState(null, "", wanted || location.pathname + location.search);
    } catch {
      // looked at below
    }
    if (location.hash !== wanted) again = setTimeout(address, 1000);
  }

  function change(changes) {
    const before = current;
    const narrowed = !("view" in changes) && OF_ALL.some((name) => name in changes && String(changes[name]) !== String(current[name]));
    current = { ...current, ...changes, ...(narrowed ? { view: "all" } : {}) };
    if (Object.keys(current).every((name) => String(current[name]) === String(before[name]))) return;
    address();
    for (const listener of listeners) listener(current, before);
  }

  return {
    start,
    change,
    reset() {
      change({ ...first });
      for (const listener of resetting) listener();
    },
    onReset: (listener) => resetting.push(listener), // what else has been chosen: find, tabs, the share removed
    subscribe: (listener) => listeners.push(listener),
    isLength,
    everything: () => ({ layers: first.layers, heads: first.heads }),
    get: () => current,
    isFirst: () => ["layers", "heads", "scores", "from", "echoes", "per_query", "mask", "words"].every((n) => String(current[n]) === String(first[n])),
    ranges,
    link: () => location.href.split("#")[0] + (write() && `#${write()}`),
  };
})();
