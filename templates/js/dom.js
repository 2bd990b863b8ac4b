// Small helpers for elements, and for work that may wait until the page has been painted.
reportgen.dom = (() => {
  "use strict";

  function make(tag, properties = {}, ...children) {
    // An element; what children hold is text and never markup.
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const jump = (position, text) =>
    make("button", { type: "button", class: "jump", "data-jump": position, title: `Go to position ${position}` }, text);

  const waiting = new Map();
  let working = false;
  const pause = () => new Promise((resolve) => setTimeout(resolve));

  function later(name, task) {
    // One task after the other, each in a turn of its own; a newer task of the same name takes the older one's place.
    waiting.delete(name);
    waiting.set(name, task);
    document.documentElement.dataset.settled = "false";
    if (!working) work();
  }

  async function work() {
    working = true;
    await new Promise((resolve) => requestAnimationFrame(resolve));
    while (waiting.size) {
      await pause();
      const [name, task] = waiting.entries().next().value;
      waiting.delete(name);
      try {
        await task();
      } catch (error) {
        console.error(error);
      }
    }
    working = false;
    document.documentElement.dataset.settled = "true";
  }

  return { make, jump, later };
})();
