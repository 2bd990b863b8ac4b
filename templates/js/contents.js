// The rail of contents says where one is; the lists of top tokens become tabs.
reportgen.contents = (() => {
  "use strict";

  const { make } = reportgen.dom;

  function startRail() {
    const places = [...document.querySelectorAll(".rail a")].map((link) => [link, document.getElementById(link.hash.slice(1))]);
    if (!places.length) return;
    let waiting = false;
    const follow = () => {
      waiting = false;
      const line = innerHeight * 0.4;
      const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2; // the last one may be short
      const passed = end ? places : places.filter(([, section]) => section.getBoundingClientRect().top <= line);
      const [here] = passed.at(-1) ?? places[0];
      for (const [link] of places) {
        if (link === here) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    };
    addEventListener("scroll", () => !waiting && (waiting = true) && requestAnimationFrame(follow), { passive: true });
    for (const [link, section] of places)
      link.addEventListener("click", (event) => {
        event.preventDefault(); // the address belongs to the view
        const fold = section.querySelector("details.folded");
        if (fold) fold.open = true;
        section.scrollIntoView();
        const heading = section.querySelector("h2");
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
      });
    follow();
  }

  function startTabs() {
    // One list at a time; arrow keys move from tab to tab.
    const lists = [...document.querySelectorAll("#tables .list")];
    if (lists.length < 2) return;
    const tabs = lists.map((list, n) => {
      const heading = list.querySelector("h3");
      heading.classList.add("unseen");
      list.setAttribute("role", "tabpanel");
      return make("button", { type: "button", role: "tab", id: `tab-${n}`, "aria-controls": list.id, onclick: () => choose(n) }, heading.textContent);
    });
    const choose = (chosen) => {
      lists.forEach((list, n) => (list.hidden = n !== chosen));
      tabs.forEach((tab, n) => {
        tab.setAttribute("aria-selected", String(n === chosen));
        tab.tabIndex = n === chosen ? 0 : -1;
      });
    };
    const strip = make("div", { class: "tabs", role: "tablist", "aria-labelledby": "tables-title" }, ...tabs);
    strip.addEventListener("keydown", ({ key, target }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const next = (tabs.indexOf(target) + step + tabs.length) % tabs.length;
      choose(next);
      tabs[next].focus();
    });
    lists[0].before(strip);
    choose(0);
    reportgen.state.onReset(() => choose(0));
  }

  function start() {
    startRail();
    startTabs();
  }

  return { start };
})();
