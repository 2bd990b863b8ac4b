// The index of a batch: filter, sort by a column, and keep what was chosen in the address. The rows come as a script of
// their own when they are needed first, which a page may load from a disk, too.
(() => {
  "use strict";

  const SHOWN = 1000; // rows at once
  const PAUSE = 150; // ms after a key
  const COLUMNS = ["index", "title", "label", "predicted", "probability", "verdict", "faithfulness", "tokens"];
  const FIRST = { q: "", gold: "", predicted: "", verdict: "", faithfulness: "", warning: "", sort: "" };
  const { meta } = globalThis.reportgenBatch; // {page, rows, total, labels, verdicts, findings, warnings}
  const controls = {};
  let body, head, status, clear, more, listed, rows;
  let shown = SHOWN;
  let sought = false; // a cell of the matrix was chosen: the reports may be below the screen
  let turn = 0;

  function make(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    made.append(...children.flat());
    return made;
  }

  const number = (n) => n.toLocaleString("en");

  function read() {
    const given = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    const state = { ...FIRST };
    for (const [name, value] of given) if (Object.hasOwn(FIRST, name)) state[name] = value.slice(0, 300);
    if (!COLUMNS.includes(state.sort.replace(/^-/, ""))) state.sort = "";
    return state;
  }

  function link(state) {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== FIRST[name]) given.set(name, value);
    return `#${given}`;
  }

  const isSet = (state) => Object.keys(FIRST).some((name) => state[name] !== FIRST[name]);

  function load() {
    if (rows) return Promise.resolve(rows);
    return new Promise((resolve, reject) => {
      const script = make("script", { src: meta.rows });
      const end = () => {
        script.remove();
        rows = globalThis.reportgenBatch.rows;
        if (rows) resolve(rows);
        else reject(new Error(`${meta.rows} could not be loaded`));
      };
      script.addEventListener("load", end);
      script.addEventListener("error", end);
      document.head.append(script);
    });
  }

  const label = (place) => meta.labels[place] ?? "";

  function passing(state) {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((row) => {
      if (state.gold && label(row.label) !== state.gold) return false;
      if (state.predicted && label(row.predicted) !== state.predicted) return false;
      if (state.verdict && row.verdict !== state.verdict) return false;
      if (state.faithfulness && meta.findings[row.faithfulness] !== state.faithfulness) return false;
      if (state.warning && !row.warnings.some((place) => meta.warnings[place] === state.warning)) return false;
      const said = `${row.index} ${row.id} ${row.name} ${row.title}`.toLowerCase();
      return words.every((word) => said.includes(word));
    });
  }

  function value(row, column) {
    if (column === "label" || column === "predicted") return label(row[column]);
    if (column === "faithfulness") return meta.findings[row.faithfulness];
    return row[column];
  }

  function sorted(found, sort) {
    const column = sort.replace(/^-/, "");
    if (!column) return found;
    const sign = sort.startsWith("-") ? -1 : 1;
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    const order = (a, b) => (typeof a === "number" ? a - b : compare(a, b));
    const keyed = found.map((row) => [value(row, column), row]);
    return keyed.sort(([a, one], [b, other]) => sign * order(a, b) || one.index - other.index).map(([, row]) => row);
  }

  function line(row) {
    const cell = (text, kind) => make("td", kind ? { class: kind } : {}, text);
    const tokens = row.tokens < row.total ? `${number(row.tokens)} of ${number(row.total)}` : number(row.tokens);
    const cells = [
      cell(String(row.index), "number"),
      make("td", {}, make("a", { href: `./${row.name}/${meta.page}` }, row.title)),
      cell(label(row.label)),
      cell(label(row.predicted)),
      cell(`${(row.probability * 100).toFixed(1)}%`, "number"),
      cell(row.verdict, row.verdict),
      ...(meta.findings.length ? [cell(meta.findings[row.faithfulness])] : []),
      cell(tokens, "number"),
    ];
    return make("tr", {}, cells);
  }

  function mark(state) {
    // Which column orders the rows, and which cell of the matrix is chosen.
    for (const cell of head.cells) {
      const [column, down] = [state.sort.replace(/^-/, ""), state.sort.startsWith("-")];
      if (cell.dataset.column === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    for (const one of document.querySelectorAll("#confusion a")) {
      const chosen = state.gold && one.dataset.gold === state.gold && one.dataset.predicted === state.predicted;
      if (chosen) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }

  async function show() {
    const mine = ++turn;
    const state = read();
    for (const [name, control] of Object.entries(controls)) if (control.value !== state[name]) control.value = state[name];
    mark(state);
    clear.hidden = !isSet(state);
    const pages = document.querySelector("nav[aria-label=Pages]");
    if (!isSet(state)) {
      body.replaceChildren(...listed);
      pages?.removeAttribute("hidden");
      more.hidden = true;
      status.textContent = `${number(meta.total)} reports`;
      return;
    }
    try {
      await load();
    } catch (error) {
      if (mine === turn) status.textContent = `The rows are missing: ${error.message}.`;
      return;
    }
    if (mine !== turn) return;
    const found = sorted(passing(state), state.sort);
    body.replaceChildren(...found.slice(0, shown).map(line));
    pages?.setAttribute("hidden", "");
    more.hidden = found.length <= shown;
    status.textContent = `${number(found.length)} of ${number(meta.total)} reports`;
  }

  function write(state) {
    shown = SHOWN;
    const wanted = link(state);
    history.replaceState(null, "", wanted === "#" ? location.href.split("#")[0] : wanted);
    return show();
  }

  function choice(name, title, values) {
    if (!values.length) return [];
    const select = make("select", { id: name }, make("option", { value: "" }, "any"), values.map((one) => make("option", { value: one }, one)));
    controls[name] = select;
    select.addEventListener("input", () => write({ ...read(), [name]: select.value }));
    return [make("p", {}, make("label", { for: name }, title), select)];
  }

  function finder() {
    const search = make("input", { id: "q", type: "search", autocomplete: "off", spellcheck: "false", maxlength: "200" });
    controls.q = search;
    let timer;
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => write({ ...read(), q: search.value }), PAUSE);
    });
    clear = make("button", { type: "button", hidden: "" }, "Show all reports");
    clear.addEventListener("click", () => {
      write({ ...FIRST });
      search.focus();
    });
    status = make("span", { id: "count", role: "status" });
    return make(
      "div",
      { class: "finder", role: "search", "aria-label": "Reports" },
      make(
        "div",
        { class: "fields" },
        make("p", {}, make("label", { for: "q" }, "Search titles, ids, rows"), search),
        choice("gold", "Gold label", meta.gold.map(label)),
        choice("predicted", "Predicted label", meta.predicted.map(label)),
        choice("verdict", "Verdict", meta.verdicts),
        choice("faithfulness", "Faithfulness", meta.findings),
        choice("warning", "Warning", meta.warnings),
      ),
      make("p", { class: "count" }, status, " ", clear),
    );
  }

  function sorters() {
    const columns = COLUMNS.filter((column) => column !== "faithfulness" || meta.findings.length);
    [...head.cells].forEach((cell, place) => {
      const column = columns[place];
      const button = make("button", { type: "button" }, cell.textContent);
      cell.dataset.column = column;
      button.addEventListener("click", () => {
        const { sort } = read();
        write({ ...read(), sort: sort === column ? `-${column}` : sort === `-${column}` ? "" : column });
      });
      cell.replaceChildren(button);
    });
  }

  function start() {
    const table = document.querySelector("#reports table");
    if (!table) return;
    [head, body] = [table.tHead.rows[0], table.tBodies[0]];
    listed = [...body.rows];
    more = make("button", { type: "button", class: "more", hidden: "" }, `Show ${number(SHOWN)} more`);
    more.addEventListener("click", () => {
      shown += SHOWN;
      show();
    });
    document.querySelector("#reports .scroll").before(finder());
    document.querySelector("#reports .scroll").after(more);
    sorters();
    for (const cell of document.querySelectorAll("#confusion td[data-gold]")) {
      const { gold, predicted } = cell.dataset;
      const to = make("a", { href: link({ ...FIRST, gold, predicted }), "data-gold": gold, "data-predicted": predicted }, cell.textContent);
      to.setAttribute("aria-label", `${cell.textContent}: gold ${gold}, predicted ${predicted}`);
      to.addEventListener("click", () => (sought = true));
      cell.replaceChildren(to);
    }
    addEventListener("hashchange", async () => {
      shown = SHOWN;
      await show();
      if (sought) document.getElementById("reports").scrollIntoView();
      sought = false;
    });
    show();
  }

  addEventListener("DOMContentLoaded", start);
})();
