// What the catalogue holds comes as scripts, which a page may load from a disk, too.
globalThis.reportgen = {};
reportgen.site = (() => {
  "use strict";

  const arrived = new Map(); // by name
  const asked = new Map();

  const data = (name, value) => arrived.set(name, value);

  function load(name, path) {
    // A part of the catalogue. A part that could not be loaded is requested again the next time.
    if (arrived.has(name)) return Promise.resolve(arrived.get(name));
    if (!asked.has(name)) asked.set(name, fetched(name, path).finally(() => asked.delete(name)));
    return asked.get(name);
  }

  function fetched(name, path) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = () => {
        script.remove();
        if (arrived.has(name)) resolve(arrived.get(name));
        else reject(new Error(`${path} could not be loaded`));
      };
      script.addEventListener("load", end);
      script.addEventListener("error", end);
      script.src = path;
      document.head.append(script);
    });
  }

  return { data, load, get: (name) => arrived.get(name) };
})();
