// Search and filter: read the controls, find, show the cards, keep it all in the address.
reportgen.finder = (() => {
  "use strict";

  const PAUSE = 150; // ms after a key
  const element = (id) => document.getElementById(id);
  const number = (n) => n.toLocaleString("en");
  const { make } = reportgen.cards;
  const CONTROLS = ["q", "in", "verdict", "gold", "predicted", "faithfulness", "from", "to", "order"];
  let overview;
  let turn = 0; // only what was asked for last is shown
  let timer;
  let sought = false; // a count of the table of labels was chosen: the reports may be below the screen

  function tests(state) {
    // What every hit passes.
    const found = [];
    const { verdicts, gold, predicted, probability, labels, faithfulness, findings } = overview;
    if (state.verdict) found.push((n) => verdicts[n] === state.verdict[0]);
    for (const [name, values] of [["gold", gold], ["predicted", predicted]])
      if (state[name]) {
        const place = labels.indexOf(state[name]);
        found.push((n) => place >= 0 && [values[n]].flat().includes(place)); // of several labels, one
      }
    if (state.faithfulness) found.push((n) => findings[faithfulness[n]] === state.faithfulness);
    if (state.from !== "") found.push((n) => probability[n] >= 0 && probability[n] >= Number(state.from) * 10);
    if (state.to !== "") found.push((n) => probability[n] >= 0 && probability[n] <= Number(state.to) * 10);
    return found;
  }

  async function hits(state) {
    const weights = await reportgen.words.search(overview, state.q, state.in);
    const passed = tests(state);
    const found = [];
    for (let n = 0; n < overview.verdicts.length; n++)
      if ((!weights || weights[n]) && passed.every((test) => test(n))) found.push(n);
    const { probability } = overview;
    if (state.order === "surest") found.sort((a, b) => probability[b] - probability[a] || a - b);
    else if (state.order === "unsure") found.sort((a, b) => (probability[a] < 0) - (probability[b] < 0) || probability[a] - probability[b] || a - b);
    else if (weights) found.sort((a, b) => weights[b] - weights[a] || a - b);
    return found;
  }

  async function face(n) {
    const chunk = Math.floor(n / overview.chunk);
    const faces = await reportgen.site.load(`cards/${chunk}`, overview.cards[chunk]);
    return faces[n % overview.chunk];
  }

  function pages(state, count) {
    const last = Math.max(Math.ceil(count / overview.hits), 1);
    if (last === 1) return [];
    const step = (name, rel, page) => make("li", {}, make("a", { rel, href: reportgen.state.link({ ...state, page }) }, name));
    const list = make("ol");
    if (state.page > 1) list.append(step("Previous", "prev", state.page - 1));
    list.append(make("li", {}, make("b", { "aria-current": "page" }, `Page ${number(state.page)} of ${number(last)}`)));
    if (state.page < last) list.append(step("Next", "next", state.page + 1));
    return [make("nav", { "aria-label": "Pages of hits" }, list)];
  }

  function tell(text, failed = false) {
    element("count").textContent = text;
    element("again").hidden = !failed;
  }

  async function show() {
    // Find what the address says, and show it in place of the list of all.
    const mine = ++turn;
    const state = reportgen.state.read();
    const active = reportgen.state.isSet(state);
    element("clear").hidden = !active;
    history.scrollRestoration = active ? "manual" : "auto";
    if (!active) {
      tell(element("hits").hidden ? "" : `${number(overview.verdicts.length)} reports`);
      element("hits").replaceChildren();
      return swap(false);
    }
    const late = setTimeout(() => mine === turn && tell("Searching …"), PAUSE);
    try {
      const found = await hits(state);
      const last = Math.max(Math.ceil(found.length / overview.hits), 1);
      state.page = Math.min(state.page, last);
      const from = (state.page - 1) * overview.hits;
      const faces = await Promise.all(found.slice(from, from + overview.hits).map(face));
      if (mine !== turn) return;
      const language = element("hits").dataset.language;
      const list = make("ol", { class: "cards" }, faces.map((one) => reportgen.cards.card(one, language)));
      element("hits").replaceChildren(...(faces.length ? [list, ...pages(state, found.length)] : [make("p", { class: "note" }, "No report matches. Try fewer words or fewer filters.")]));
      tell(`${number(found.length)} of ${number(overview.verdicts.length)} reports`);
    } catch (error) {
      if (mine !== turn) return;
      element("hits").replaceChildren();
      tell(`A part of the search index is missing: ${error.message}.`, true);
    } finally {
      clearTimeout(late);
    }
    swap(true);
  }

  function swap(active) {
    element("all").hidden = active;
    element("hits").hidden = !active;
    document.querySelector("#reports-title .range")?.toggleAttribute("hidden", active);
  }

  function fill(state) {
    for (const name of CONTROLS) element(name).value = state[name];
    for (const name of ["gold", "predicted", "faithfulness"]) if (element(name).selectedIndex < 0) element(name).value = "";
    const filtered = ["verdict", "gold", "predicted", "faithfulness", "from", "to", "order"].some((name) => state[name]);
    if (filtered) element("filters").open = true;
  }

  function mark({ gold, predicted }) {
    // Which cell of the table of labels is chosen.
    for (const one of document.querySelectorAll("#confusion a")) {
      if (gold && one.dataset.gold === gold && one.dataset.predicted === predicted) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }

  function link() {
    // The counts of the table of labels lead to their reports.
    for (const cell of document.querySelectorAll("#confusion td[data-gold]")) {
      const { gold, predicted } = cell.dataset;
      const href = reportgen.state.link({ ...reportgen.state.FIRST, gold, predicted });
      const said = `${cell.textContent}: gold ${gold}, predicted ${predicted}`;
      const to = make("a", { href, "data-gold": gold, "data-predicted": predicted, "aria-label": said }, cell.textContent);
      to.addEventListener("click", () => (sought = true));
      cell.replaceChildren(to);
    }
  }

  function write(state) {
    mark(state);
    // One entry of the history for all that is typed: Back leads to the page before.
    const bare = location.href.split("#")[0];
    const wanted = reportgen.state.link(state);
    history.replaceState({ top: 0 }, "", wanted === "#" ? bare : bare + wanted);
    return show();
  }

  function changed() {
    const state = { ...reportgen.state.FIRST };
    for (const name of CONTROLS) state[name] = element(name).value;
    return write(state);
  }

  const keep = () => history.replaceState({ top: scrollY }, "");

  async function arrive() {
    // By the address: opened, come back to, or another page of hits.
    fill(reportgen.state.read());
    mark(reportgen.state.read());
    const [top, chosen] = [history.state?.top, sought];
    sought = false;
    await show();
    if (!reportgen.state.isSet(reportgen.state.read())) return;
    if (chosen) element("reports").scrollIntoView();
    else if (top !== undefined) scrollTo(0, top);
    else if (reportgen.state.read().page > 1) {
      element("reports").focus({ preventScroll: true });
      element("reports").scrollIntoView();
    }
  }

  function start() {
    overview = reportgen.site.get("overview");
    if (!overview) return; // all that is listed can be read all the same
    for (const name of ["gold", "predicted"]) {
      const used = new Set(overview[name].flat());
      element(name).append(...overview.labels.flatMap((label, place) => (used.has(place) ? [make("option", { value: label }, label)] : [])));
    }
    const tested = overview.findings.filter((_, place) => overview.faithfulness.includes(place));
    element("faithfulness").append(...tested.map((name) => make("option", { value: name }, name)));
    element("faithfulness-field").hidden = !tested.length;
    element("finder").hidden = false;
    link();
    element("filters").open = matchMedia("(min-width: 40rem)").matches;
    for (const name of CONTROLS)
      element(name).addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(changed, ["q", "from", "to"].includes(name) ? PAUSE : 0);
      });
    element("again").addEventListener("click", show);
    element("clear").addEventListener("click", () => {
      fill(reportgen.state.FIRST);
      write({ ...reportgen.state.FIRST });
      element("q").focus();
    });
    let scrolled;
    addEventListener("scroll", () => {
      clearTimeout(scrolled);
      if (!element("hits").hidden) scrolled = setTimeout(keep, PAUSE);
    });
    element("hits").addEventListener("click", (event) => event.target.closest("a") && keep());
    addEventListener("hashchange", arrive);
    return arrive();
  }

  return { start };
})();
addEventListener("DOMContentLoaded", () => reportgen.finder.start());
