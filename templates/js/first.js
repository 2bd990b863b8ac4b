// Before anything is drawn: say that scripts run, so that the page keeps room for the controls.
// Each file of this folder adds its part to this one name; `main.js` starts them.
globalThis.reportgen = {};
if (typeof DecompressionStream === "function") document.documentElement.classList.add("scripted");
