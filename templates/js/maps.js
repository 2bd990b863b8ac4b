// Attention maps: a small map per head, and one enlarged as a chart. `maps.py` defines them.
reportgen.maps = (() => {
  "use strict";

  const { make } = reportgen.dom;
  const GLOBAL = 4; // px of the row and column of the global tokens, with the line that parts them from the rest
  const shape = ({ stretches, globals }) => ({ apart: globals.length ? 1 : 0, side: stretches + (globals.length ? 1 : 0) });
  const share = (code) => (code === 255 ? 0 : 2 ** (-code / 12));
  const place = ({ stretches, tokens }, n) => [Math.ceil((n * tokens) / stretches), Math.ceil(((n + 1) * tokens) / stretches)];
  let codes;
  let buttons = [];

  function classOf(code, lowest) {
    // Of 16 classes on a logarithmic scale; -1 where nothing can be seen.
    if (code === 255) return -1;
    return Math.max(0, Math.min(15, Math.floor(((-code / 12 - lowest) / -lowest) * 16)));
  }

  function paint(facts) {
    const colours = reportgen.heat.colours();
    const { side, apart } = shape(facts);
    const lowest = Math.log2(1 / (16 * side));
    const classes = Int8Array.from({ length: 256 }, (_, code) => classOf(code, lowest));
    buttons.forEach((button, n) => {
      const pen = button.firstElementChild.getContext("2d");
      pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
      const at = (i) => (i < apart ? [0, GLOBAL - 1] : [i + apart * (GLOBAL - 1), 1]); // first pixel, and how many
      for (let from = 0; from < side; from++) {
        for (let to = 0; to < side; to++) {
          const found = classes[codes[(n * side + from) * side + to]];
          if (found < 0) continue;
          const [[y, height], [x, width]] = [at(from), at(to)];
          pen.fillStyle = colours[found];
          pen.fillRect(x, y, width, height);
        }
      }
    });
  }

  function build(figure, facts) {
    const { side, apart } = shape(facts);
    const pixels = side + apart * (GLOBAL - 1);
    const grid = make("div", { class: "maps", role: "radiogroup", "aria-label": "Enlarge the map of a head" });
    grid.style.setProperty("--heads", facts.heads);
    const label = (text) => make("span", { "aria-hidden": "true" }, text);
    grid.append(label(""), ...Array.from({ length: facts.heads }, (_, h) => label(String(h + 1))));
    for (let n = 0; n < facts.layers * facts.heads; n++) {
      const [layer, head] = [facts.numbers[Math.floor(n / facts.heads)], (n % facts.heads) + 1];
      const canvas = make("canvas", { width: pixels, height: pixels, "aria-hidden": "true" });
      const name = `Layer ${layer}, head ${head}`;
      const button = make("button", { type: "button", role: "radio", "aria-checked": "false", "aria-label": name, title: name }, canvas);
      button.addEventListener("click", () => toggle([layer, head]));
      if (head === 1) grid.append(label(String(layer)));
      grid.append(button);
      buttons.push(button);
    }
    grid.addEventListener("keydown", (event) => move(event, facts));
    const frame = figure.querySelector(".drawing");
    frame.querySelector(".still").hidden = true;
    frame.append(grid);
    frame.removeAttribute("tabindex"); // its buttons take the focus
  }

  // A click enlarges a map and chooses its layer and head, for the text, too; a second one chooses all again.
  const toggle = (map) =>
    reportgen.state.change(
      String(reportgen.state.get().map) === String(map)
        ? { map: null, ...reportgen.state.everything() }
        : { map, layers: [map[0]], heads: [map[1]] },
    );

  function move(event, { layers, heads }) {
    const at = buttons.indexOf(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -heads, ArrowDown: heads }[event.key];
    if (step === undefined || at + step < 0 || at + step >= layers * heads) return;
    event.preventDefault();
    buttons.forEach((button, n) => (button.tabIndex = n === at + step ? 0 : -1));
    buttons[at + step].focus();
  }

  function rows([layer, head], facts) {
    const { side, apart } = shape(facts);
    const offset = (facts.numbers.indexOf(layer) * facts.heads + head - 1) * side * side;
    const margin = facts.tokens / 20;
    const where = (n) => (n < apart ? [-margin, -margin * 0.3] : place(facts, n - apart));
    const name = ([start, end]) => (start < 0 ? "global tokens" : end - start > 1 ? `${start}–${end - 1}` : `${start}`);
    const found = [];
    for (let from = 0; from < side; from++) {
      for (let to = 0; to < side; to++) {
        const value = share(codes[offset + from * side + to]);
        if (value === 0) continue;
        const [a, b] = [where(from), where(to)];
        found.push({
          layer, head, from: name(a), to: name(b), share: reportgen.captions.digits(value),
          from_start: a[0], from_end: a[1], to_start: b[0], to_end: b[1],
        });
      }
    }
    return found;
  }

  async function show(state, facts) {
    const box = document.getElementById("enlarged");
    box.hidden = state.map === null;
    const chosen = state.map === null ? -1 : facts.numbers.indexOf(state.map[0]) * facts.heads + state.map[1] - 1;
    buttons.forEach((button, n) => {
      const [layer, head] = [facts.numbers[Math.floor(n / facts.heads)], (n % facts.heads) + 1];
      button.setAttribute("aria-checked", String(n === chosen));
      button.tabIndex = n === Math.max(chosen, 0) ? 0 : -1;
      button.classList.toggle("faded", !state.layers.includes(layer) || !state.heads.includes(head));
    });
    if (state.map === null) return;
    document.getElementById("enlarged-title").textContent = `Layer ${state.map[0]}, head ${state.map[1]}`;
    await reportgen.charts.draw("attention-maps", reportgen.data.block("spec-attention-maps"), rows(state.map, facts), box.querySelector(".drawing"));
  }

  async function start(facts) {
    const figure = document.getElementById("figure-attention-maps");
    if (!figure) return;
    codes = await reportgen.data.integers(reportgen.data.block("maps"));
    build(figure, facts);
    paint(facts);
    const later = () => reportgen.dom.later("maps", () => show(reportgen.state.get(), facts));
    reportgen.state.subscribe(later);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(facts));
    later();
    figure.dataset.live = "true";
  }

  return { start };
})();
