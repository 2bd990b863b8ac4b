// Before anything is drawn: say that scripts run, so that the page keeps room for the controls, and put these into it.
// Each file of this folder adds its part to this one name; `main.js` starts them.
globalThis.reportgen = {};
if (typeof DecompressionStream === "function") {
  document.documentElement.classList.add("scripted");
  // What only scripts can use comes as a comment, whole, and is in its place before the page is painted.
  const build = (node) => {
    if (node.nodeType !== Node.COMMENT_NODE || !node.data.startsWith("built:")) return;
    const made = document.createElement("template");
    made.innerHTML = node.data.slice("built:".length);
    node.replaceWith(made.content);
  };
  const parsed = new MutationObserver((all) => all.forEach(({ addedNodes }) => addedNodes.forEach(build)));
  parsed.observe(document, { childList: true, subtree: true });
  addEventListener("DOMContentLoaded", () => parsed.disconnect());
}
