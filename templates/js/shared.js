// Start a report that is a page of a site: unpack its data into the blocks that the other scripts read, and let Vega
// come from the file that all pages share. `compress.dense` packs them: 13 bits in two of 91 letters, then inflate.
(() => {
  "use strict";

  const { vega } = document.currentScript.dataset;
  const BITS = 13;
  const LETTERS = Array.from({ length: 94 }, (_, n) => String.fromCharCode(0x21 + n)).filter((one) => !"&<>".includes(one));
  const CODES = new Map(LETTERS.map((letter, n) => [letter, n]));

  function bytes(text, length) {
    const found = new Uint8Array(length);
    let [held, bits, at] = [0, 0, 0]; // what is not written yet, at most 20 bits
    for (let i = 0; i < text.length; i += 2) {
      held = (held << BITS) | (CODES.get(text[i]) * CODES.size + CODES.get(text[i + 1]));
      for (bits += BITS; bits >= 8; bits -= 8) found[at++] = held >> (bits - 8); // beyond the end nothing is kept
      held &= (1 << bits) - 1;
    }
    return found;
  }

  async function unpack() {
    const packed = document.getElementById("packed");
    const stream = new Blob([bytes(packed.textContent, Number(packed.dataset.length))]).stream();
    const blocks = await new Response(stream.pipeThrough(new DecompressionStream("deflate"))).json();
    for (const [name, block] of Object.entries(blocks))
      document.body.append(reportgen.dom.make("script", { type: "application/json", id: `data-${name}` }, JSON.stringify(block)));
  }

  function load(address) {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`${address} cannot be loaded: the charts stay as they are`));
      document.head.append(reportgen.dom.make("script", { src: address, onload: resolve, onerror: fail }));
    });
  }

  const script = reportgen.data.script;
  reportgen.data.script = async (name) => (name === "bundle" ? (await load(vega), "") : script(name));

  if (!document.documentElement.classList.contains("scripted")) return; // a browser that cannot unpack the data
  unpack().then(reportgen.main, (error) => {
    document.documentElement.classList.remove("scripted"); // what is there without scripts can be read
    throw error;
  });
})();
