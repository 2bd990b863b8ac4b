// What the reader looks for. It lives in the URL's fragment, so that it can be linked and is there when one comes back.
reportgen.state = (() => {
  "use strict";

  const FIRST = { q: "", in: "all", verdict: "", gold: "", predicted: "", faithfulness: "", from: "", to: "", order: "", page: 1 };
  const KNOWN = { in: ["all", "text", "top"], verdict: ["", "right", "wrong", "unknown"], order: ["", "surest", "unsure"] };

  function read() {
    // What is not understood is left as it is at first.
    const given = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    const found = { ...FIRST };
    for (const [name, value] of given) {
      if (!Object.hasOwn(FIRST, name) || (KNOWN[name] && !KNOWN[name].includes(value))) continue;
      if (name === "page") found.page = /^[1-9]\d{0,5}$/.test(value) ? Number(value) : 1;
      else if (name === "from" || name === "to") found[name] = /^\d{1,3}(\.\d{1,3})?$/.test(value) ? value : "";
      else found[name] = value.slice(0, 300);
    }
    return found;
  }

  function link(state) {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== FIRST[name]) given.set(name, value);
    return `#${given}`;
  }

  function isSet(state) {
    return Object.keys(FIRST).some((name) => name !== "page" && name !== "in" && state[name] !== FIRST[name]);
  }

  return { FIRST, read, link, isSet };
})();
