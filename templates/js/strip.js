// The whole document as a narrow strip next to the text: its hot places, and the visible part.
reportgen.strip = (() => {
  "use strict";

  let strip;
  let canvas;
  let facts;

  function paint() {
    // Every row of pixels has the colour of the hottest token of its stretch.
    const height = Math.max(1, Math.round(strip.clientHeight));
    const colours = reportgen.heat.colours();
    canvas.width = 1;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const { strength } = reportgen.heat;
    const hottest = new Int8Array(height).fill(-1);
    reportgen.heat.cells().forEach((cell, n) => {
      const from = Math.floor((cell.positions[0] / facts.tokens) * height);
      const to = Math.floor(((cell.positions.at(-1) + 1) / facts.tokens) * height);
      const own = reportgen.heat.classOf(n);
      for (let y = from; y <= Math.min(Math.max(to - 1, from), height - 1); y++) if (strength(own) > strength(hottest[y])) hottest[y] = own;
    });
    hottest.forEach((n, y) => {
      if (n < 0) return;
      pen.fillStyle = colours[n];
      pen.fillRect(0, y, 1, 1);
    });
  }

  function frame() {
    // The part of the document that can be seen.
    const [first, last] = reportgen.walk.visible();
    const pane = strip.querySelector(".window");
    pane.style.setProperty("top", `${(first / facts.tokens) * 100}%`);
    pane.style.setProperty("height", `${((last + 1 - first) / facts.tokens) * 100}%`);
  }

  function tell(position) {
    strip.setAttribute("aria-valuenow", position);
    strip.setAttribute("aria-valuetext", `token ${position} of ${facts.tokens}, “${facts.names[position]}”`);
  }

  function key(event) {
    const here = Number(strip.getAttribute("aria-valuenow"));
    const far = Math.max(1, Math.round(facts.tokens / 10));
    const near = Math.max(1, Math.round(facts.tokens / 50));
    const to = { ArrowDown: here + near, ArrowRight: here + near, ArrowUp: here - near, ArrowLeft: here - near,
      PageDown: here + far, PageUp: here - far, Home: 0, End: facts.tokens - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    reportgen.walk.go(Math.max(0, Math.min(facts.tokens - 1, to)));
  }

  function start(model) {
    facts = model.facts;
    strip = document.getElementById("strip");
    canvas = strip.querySelector("canvas");
    strip.addEventListener("keydown", key);
    const to = (event) => {
      const box = strip.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientY - box.top) / box.height));
      reportgen.walk.go(Math.min(facts.tokens - 1, Math.floor(share * facts.tokens)));
    };
    strip.addEventListener("click", to);
    reportgen.walk.subscribe(tell);
    let asked = false;
    const soon = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        frame();
      });
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", () => {
      paint();
      soon();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    tell(0);
    frame();
  }

  return { start, paint };
})();
