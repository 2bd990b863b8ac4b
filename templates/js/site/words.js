// Search the inverted index. Words are cut and folded as `search_index.py` does it.
reportgen.words = (() => {
  "use strict";

  const LONGEST = 40;
  const WEIGHTS = [4, 2, 1]; // title, top tokens, text
  const WHERE = { all: [0, 1, 2], text: [0, 2], top: [1] };
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const WORD = /[\p{L}\p{N}\p{M}]+/gu;
  const UNSPACED = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}ー";
  const PARTS = new RegExp(`(?<pairs>[${UNSPACED}]+)|[^${UNSPACED}]+`, "gu");
  const values = Object.fromEntries([...DIGITS].map((digit, value) => [digit, value]));

  const fold = (text) => [...text].map((c) => c.toLowerCase().toUpperCase().toLowerCase()).join("").normalize("NFKC");

  function terms(query) {
    // What has to be found: [term, whether words that begin with it will do].
    const text = query.normalize("NFKC");
    const found = [];
    for (const word of text.matchAll(WORD)) {
      const last = word.index + word[0].length === text.length;
      const parts = [...fold(word[0]).matchAll(PARTS)];
      for (const [n, part] of parts.entries()) {
        const letters = [...part[0]];
        if (!part.groups.pairs) {
          const term = letters.slice(0, LONGEST).join("");
          found.push([term, last && n === parts.length - 1 && letters.length > 1 && letters.length < LONGEST]);
        } else if (letters.length === 1) found.push([part[0], true]);
        else for (let at = 0; at + 1 < letters.length; at++) found.push([letters[at] + letters[at + 1], false]);
      }
    }
    return found;
  }

  function decode(digits, act) {
    let [number, rest, shift] = [0, 0, 0];
    for (const digit of digits) {
      const value = values[digit];
      rest += (value & 31) * 2 ** shift;
      shift += 5;
      if (value < 32) {
        number += rest;
        act(number);
        [rest, shift] = [0, 0];
      }
    }
  }

  function first(list, test) {
    // The first place of a sorted list that passes; its length if none does.
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(list[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async function shard(overview, number) {
    const held = await reportgen.site.load(`words/${number}`, overview.words[number][1]);
    if (typeof held.terms === "string") [held.terms, held.lists] = [held.terms.split(" "), held.lists.split(" ")];
    return held;
  }

  async function documents(overview, [term, begins], where) {
    // By document, the weight of the place of the term; 0 for documents without it.
    const found = new Uint8Array(overview.verdicts.length);
    const matches = (word) => word === term || (begins && word.startsWith(term));
    const from = Math.max(first(overview.words, ([word]) => word > term) - 1, 0);
    const numbers = [];
    for (let n = from; n < overview.words.length && (n === from || matches(overview.words[n][0])); n++) numbers.push(n);
    for (const { terms, lists } of await Promise.all(numbers.map((n) => shard(overview, n)))) {
      for (let at = first(terms, (word) => word >= term); at < terms.length && matches(terms[at]); at++) {
        const parts = lists[at].split(";");
        for (const field of WHERE[where]) decode(parts[field] ?? "", (number) => (found[number] |= WEIGHTS[field]));
      }
    }
    return found;
  }

  async function search(overview, query, where) {
    // By document, how well it matches, 0 for not at all; null if there is nothing to search for.
    const wanted = terms(query);
    if (!wanted.length) return null;
    const each = await Promise.all(wanted.map((term) => documents(overview, term, where)));
    return Array.from(each[0], (_, n) => (each.every((found) => found[n]) ? each.reduce((sum, found) => sum + found[n], 0) : 0));
  }

  return { search, terms };
})();
