// The controls show the state, and change it.
reportgen.controls = (() => {
  "use strict";

  let panel;
  let views;
  const titles = new Map(); // where the name of a view is, by its key
  const briefs = new Map(); // what is said of a view, by its key
  const names = new Map(); // the first text of the names
  const sentences = new Map(); // the same while all layers and heads are chosen
  const fields = (name) => [...panel.querySelectorAll(`[name="${name}"]`)];
  const ticked = (name) => fields(name).flatMap((box) => (box.checked ? [Number(box.value)] : []));

  function show(state) {
    for (const name of ["layers", "heads"]) for (const box of fields(name)) box.checked = state[name].includes(Number(box.value));
    for (const name of ["special", "echoes", "per_query", "mask", "common", "words"]) for (const box of fields(name)) box.checked = state[name];
    for (const name of ["scores", "scale"]) fields(name)[0].value = state[name];
    fields("above")[0].value = state.above;
    showView(state);
    fields("from")[0].value = reportgen.scores.shown(state).from;
    if (document.activeElement !== fields("k")[0]) fields("k")[0].value = state.k;
  }

  function showView({ view, attribution }) {
    const shown = attribution === null ? view : "attribution";
    for (const choice of views) choice.checked = choice.value === shown;
    for (const [key, brief] of briefs) {
      brief.textContent = said(key);
      titles.get(key).textContent = named(key);
    }
    const [label] = fields("label");
    if (!label) return; // there is no attribution
    label.disabled = attribution === null;
    if (attribution !== null) label.value = attribution;
    document.getElementById("signless").hidden = attribution === null;
  }

  function said(key) {
    // The sentence of a choice follows what is chosen below it.
    const state = reportgen.state.get();
    const { reader, given } = reportgen.scores.model().facts;
    const { every, empty } = reportgen.scores.selection(state);
    const chosen = reportgen.scores.shown({ ...state, view: key });
    if (every || empty || given) return sentences.get(key);
    const where = reportgen.captions.where(chosen);
    return key === "reader" ? `What ${reader} attends to in ${where}.` : `What tokens receive from ${chosen.from === "all" ? "all tokens" : reader}, summed over ${where}.`;
  }

  function named(key) {
    // A view of some layers and heads is neither all attention nor what the classifier reads, and has another name.
    const state = reportgen.state.get();
    const { facts } = reportgen.scores.model();
    const { every, empty } = reportgen.scores.selection(state);
    const { layers, heads, from } = reportgen.scores.shown({ ...state, view: key });
    const whole = key === "reader" ? String(layers) === String([facts.layers - 1]) && heads.length === facts.heads : every;
    if (whole || empty || facts.given) return names.get(key);
    return key === "reader" ? `What ${facts.reader} attends to` : `Attention from ${from === "all" ? "all tokens" : facts.reader}`;
  }

  function startViews() {
    // The large choices above the text. The last layer alone is one of the choices below; attribution needs a script.
    const { make } = reportgen.dom;
    const group = document.getElementById("views"); // one list of scores has one view, and none to choose
    const last = document.getElementById("view-last");
    last?.nextElementSibling.remove();
    last?.remove();
    if (fields("label").length) {
      const name = make("label", { class: "views", for: "view-attribution" }, make("b", {}, "Attribution"), " ",
        make("span", { class: "brief" }, "What speaks for a label, and what against it."));
      [...document.querySelectorAll("label.views")].at(-1).after(" ", make("input", { class: "views", type: "radio", name: "view", id: "view-attribution", value: "attribution" }), " ", name);
    }
    views = [...document.querySelectorAll("input.views")];
    for (const { value } of views) {
      const brief = document.querySelector(`label[for="view-${value}"] .brief`);
      if (value === "attribution") continue;
      titles.set(value, document.querySelector(`label[for="view-${value}"] b`));
      names.set(value, titles.get(value).textContent);
      briefs.set(value, brief);
      sentences.set(value, brief.textContent);
    }
    group?.setAttribute("aria-owns", views.map(({ id }) => id).join(" "));
    for (const choice of views)
      choice.addEventListener("change", ({ target: { value } }) =>
        reportgen.state.change(value === "attribution" ? { attribution: Number(fields("label")[0].value) } : { view: value, attribution: null }));
  }

  function changed({ target }) {
    const { name } = target;
    if (name === "label") return reportgen.state.change({ attribution: Number(target.value) });
    if (name === "layers" || name === "heads") reportgen.state.change({ [name]: ticked(name) });
    else if (target.type === "checkbox") reportgen.state.change({ [name]: target.checked });
    else if (name === "above") reportgen.state.change({ above: Number(target.value) });
    else if (name === "k") {
      const k = Number(target.value);
      if (reportgen.state.isLength(k)) reportgen.state.change({ k });
      else target.value = reportgen.state.get().k;
    } else if (name === "from") reportgen.state.change({ from: target.value, view: "all" }); // the other view has one token
    else if (name) reportgen.state.change({ [name]: target.value });
  }

  function pressed(event) {
    const { all, none } = event.target.dataset;
    if (all) reportgen.state.change({ [all]: fields(all).map((box) => Number(box.value)) });
    if (none) reportgen.state.change({ [none]: [] });
  }

  function fold() {
    // Beside the text there is room; on a phone the controls fold under one button.
    const wide = matchMedia("(min-width: 62rem)");
    const follow = () => (panel.open = wide.matches);
    wide.addEventListener("change", follow);
    panel.addEventListener("toggle", () => document.getElementById("instrument").classList.toggle("unfolded", panel.open));
    follow();
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || wide.matches || !panel.open) return;
      panel.open = false;
      panel.querySelector("summary").focus();
    });
  }

  function start() {
    panel = document.getElementById("controls");
    startViews();
    panel.addEventListener("change", changed);
    fields("above")[0].addEventListener("input", changed); // while it is dragged
    panel.addEventListener("click", pressed);
    document.getElementById("reset").addEventListener("click", () => reportgen.state.reset());
    const link = document.getElementById("link");
    link.addEventListener("click", () => reportgen.save.copy(reportgen.state.link(), link));
    reportgen.state.subscribe(show);
    show(reportgen.state.get());
    fold();
    document.getElementById("instrument").inert = false;
  }

  return { start };
})();
