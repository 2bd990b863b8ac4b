// Walk through the document: a cursor that arrow keys move from token to token, and marks on tokens.
reportgen.walk = (() => {
  "use strict";

  let cells;
  let cellOf; // position -> number of its cell
  let here = null; // number of the cell under the cursor
  let text;
  const marks = new Map(); // number of a cell -> Set of names
  const listeners = [];

  function start(model) {
    cells = reportgen.heat.cells();
    text = document.getElementById("text");
    cellOf = new Int32Array(model.facts.tokens);
    cells.forEach((cell, n) => cell.positions.forEach((position) => (cellOf[position] = n)));
    text.tabIndex = 0;
    text.setAttribute("role", "group");
    text.setAttribute("aria-label", "Document");
    text.addEventListener("keydown", key);
    text.addEventListener("focus", () => here === null && move(firstVisible(), { scroll: false }));
    text.addEventListener("click", (event) => {
      const span = event.target.closest("[data-position]");
      if (!span || !getSelection().isCollapsed) return; // a reader who marks text to copy it opens nothing
      go(Number(span.dataset.position), { scroll: false });
      reportgen.state.change({ token: Number(span.dataset.position) });
    });
    reportgen.state.onReset(() => markOnly("passage", []));
    document.addEventListener("click", (event) => {
      const passage = event.target.closest("[data-passage]");
      if (passage) {
        event.preventDefault(); // the address belongs to the view
        const [first, last] = passage.dataset.passage.split("-").map(Number);
        markOnly("passage", Array.from({ length: last - first + 1 }, (_, n) => first + n));
        go(first);
        text.focus({ preventScroll: true });
        return;
      }
      const button = event.target.closest("[data-jump]");
      if (!button) return;
      const position = Number(button.dataset.jump);
      reportgen.state.change({ token: cells[cellOf[position]].positions[0] });
      go(position);
      text.focus({ preventScroll: true }); // the button may be gone when the panel is drawn again
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address belongs to the view
      text.focus();
    });
  }

  function mark(n, name, on) {
    const names = marks.get(n) ?? new Set();
    if (on) names.add(name);
    else names.delete(name);
    marks.set(n, names);
    if (names.size) cells[n].span.dataset.mark = [...names].join(" ");
    else delete cells[n].span.dataset.mark;
  }

  function markOnly(name, positions) {
    // Take the mark from wherever it stood, and set it on the cells of these positions.
    const wanted = new Set([...positions].map((position) => cellOf[position]));
    for (const [n, names] of marks) if (names.has(name) && !wanted.has(n)) mark(n, name, false);
    for (const n of wanted) mark(n, name, true);
  }

  function move(n, { scroll = true } = {}) {
    here = n;
    markOnly("here", [cells[n].positions[0]]);
    if (scroll) show(cells[n].span);
    for (const listener of listeners) listener(cells[n].positions[0]);
  }

  const go = (position, options) => move(cellOf[position], options);

  function show(span) {
    // In the middle of what can be seen, if it cannot be seen now.
    const box = span.getBoundingClientRect();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const sheet = document.getElementById("instrument"); // on a phone it covers the lower part of the window
    const end = getComputedStyle(sheet).position === "fixed" ? sheet.getBoundingClientRect().top : innerHeight;
    if (box.top < 80 || box.bottom > end - 20) span.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: () => beside(1), ArrowLeft: () => beside(-1), ArrowDown: () => line(1), ArrowUp: () => line(-1),
      Home: () => 0, End: () => cells.length - 1 };
    if (event.key in steps) move(steps[event.key]());
    else if (event.key === "Enter" && here !== null) reportgen.state.change({ token: cells[here].positions[0] });
    else return;
    event.preventDefault();
  }

  function beside(step) {
    // The next token that has a face; line breaks are passed by.
    for (let n = (here ?? -step) + step; n >= 0 && n < cells.length; n += step) if (!cells[n].blank) return n;
    return here ?? 0;
  }

  function line(step) {
    // The token above or below: on the next line, the one whose middle is nearest.
    const middle = (box) => (box.left + box.right) / 2;
    const from = cells[here ?? 0].span.getClientRects()[0];
    let best = here ?? 0;
    let top = null;
    for (let n = best + step; n >= 0 && n < cells.length; n += step) {
      const box = cells[n].span.getClientRects()[0];
      if (!box || cells[n].blank || Math.abs(box.top - from.top) < from.height / 2) continue;
      if (top !== null && Math.abs(box.top - top) > from.height / 2) break;
      if (top === null || Math.abs(middle(box) - middle(from)) < Math.abs(middle(cells[best].span.getClientRects()[0]) - middle(from))) best = n;
      top ??= box.top;
    }
    return best;
  }

  function firstVisible() {
    // Lines are in order: a binary search.
    let [low, high] = [0, cells.length - 1];
    while (low < high) {
      const half = (low + high) >> 1;
      if (cells[half].span.getBoundingClientRect().bottom < 0) low = half + 1;
      else high = half;
    }
    return low;
  }

  function visible() {
    // Positions of the first and last token in the window.
    const first = firstVisible();
    let [low, high] = [first, cells.length - 1];
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if (cells[half].span.getBoundingClientRect().top > innerHeight) high = half - 1;
      else low = half;
    }
    return [cells[first].positions[0], cells[low].positions.at(-1)];
  }

  return {
    start, go, mark: markOnly, visible,
    here: () => (here === null ? null : cells[here].positions[0]),
    subscribe: (listener) => listeners.push(listener),
  };
})();
