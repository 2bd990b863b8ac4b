// Find in the text, and go from one hot spot to the next.
reportgen.find = (() => {
  "use strict";

  let words; // the text as it is shown, with where each cell begins
  let matches = []; // first and last position of each
  let at = -1;
  let spots = []; // positions of the k highest scores, in the order of the text

  function read() {
    const parts = [];
    const starts = [];
    let length = 0;
    const cells = new Map(reportgen.heat.cells().map((cell, n) => [cell.span, n]));
    for (const node of document.getElementById("text").childNodes) {
      const n = cells.get(node);
      if (n !== undefined && reportgen.heat.cells()[n].special) continue;
      if (n !== undefined) starts.push([length, n]);
      parts.push(node.textContent);
      length += node.textContent.length;
    }
    return { text: parts.join(""), starts };
  }

  function lower(text) {
    // Letters whose lower case is longer stay as they are, so that places stay too.
    const lowered = text.toLowerCase();
    return lowered.length === text.length ? lowered : [...text].map((c) => (c.toLowerCase().length === c.length ? c.toLowerCase() : c)).join("");
  }

  function search(wanted) {
    words ??= read();
    const cells = reportgen.heat.cells();
    const [text, needle] = [lower(words.text), lower(wanted)];
    matches = [];
    let cell = 0;
    for (let from = needle ? text.indexOf(needle) : -1; from >= 0; from = text.indexOf(needle, from + needle.length)) {
      while (cell + 1 < words.starts.length && words.starts[cell + 1][0] <= from) cell++;
      const covered = [];
      for (let n = cell; n < words.starts.length && words.starts[n][0] < from + needle.length; n++) covered.push(...cells[words.starts[n][1]].positions);
      if (covered.length) matches.push(covered);
    }
    reportgen.walk.mark("found", matches.flat());
    at = -1;
    tell();
  }

  function tell() {
    const { number } = reportgen.captions;
    const text = matches.length ? (at < 0 ? `${number(matches.length)} found` : `${number(at + 1)} of ${number(matches.length)}`) : "none found";
    document.getElementById("found").textContent = document.getElementById("find").value ? text : "";
    reportgen.walk.mark("now", at < 0 ? [] : matches[at]);
  }

  function next(step) {
    if (!matches.length) return;
    if (at < 0) {
      const here = reportgen.walk.here() ?? reportgen.walk.visible()[0];
      at = step > 0 ? matches.findIndex(([first]) => first >= here) : matches.findLastIndex(([first]) => first < here);
      if (at < 0) at = step > 0 ? 0 : matches.length - 1;
    } else at = (at + step + matches.length) % matches.length;
    reportgen.walk.go(matches[at][0]);
    tell();
  }

  function setSpots(state, scores) {
    const signed = reportgen.scores.attribution(state) !== null;
    const units = signed || !reportgen.scores.shown(state).empty ? reportgen.scores.units(reportgen.scores.listed(state)) : [];
    const strength = signed ? Math.abs : undefined; // what speaks against is a hot spot, too
    const ordered = reportgen.scores.highest(units, scores, strength);
    const even = signed ? 0 : ordered.reduce((total, [, value]) => total + value, 0) / ordered.length; // less is no hot spot
    const hottest = ordered.slice(0, state.k).filter(([, value], n) => n === 0 || (signed ? value !== 0 : value > even));
    spots = hottest.map(([{ positions }]) => positions[0]).sort((a, b) => a - b);
  }

  function nextSpot(step) {
    if (!spots.length) return;
    const here = reportgen.walk.here() ?? reportgen.walk.visible()[0] - step;
    const found = step > 0 ? spots.find((position) => position > here) : spots.findLast((position) => position < here);
    reportgen.walk.go(found ?? (step > 0 ? spots[0] : spots.at(-1)));
  }

  function start() {
    const field = document.getElementById("find");
    field.addEventListener("input", () => search(field.value));
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      next(event.shiftKey ? -1 : 1);
    });
    const click = (id, action) => document.getElementById(id).addEventListener("click", action);
    reportgen.state.onReset(() => search((field.value = "")));
    click("find-next", () => next(1));
    click("find-previous", () => next(-1));
    click("spot-next", () => nextSpot(1));
    click("spot-previous", () => nextSpot(-1));
  }

  return { start, setSpots };
})();
