// Cards from data, the same as `site/card.html.j2` makes. What data hold is text and never markup.
reportgen.cards = (() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";

  function make(tag, properties = {}, ...children) {
    const made = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    made.append(...children.flat());
    return made;
  }

  function text(value) {
    // In pieces, every second one is the label of a character that has no face of its own.
    if (typeof value === "string") return [value];
    return value.map((piece, n) => (n % 2 ? make("bdi", { class: "code" }, piece) : piece)).filter((piece) => piece !== "");
  }

  function paths(strip) {
    const found = new Map();
    for (let at = 0; at < strip.length; ) {
      let end = at + 1;
      while (strip[end] === strip[at]) end++;
      const [name, length] = [`h${parseInt(strip[at], 16)}`, end - at];
      if (strip[at] !== ".") found.set(name, `${found.get(name) ?? ""}M${at} 0h${length}v1h-${length}z`);
      at = end;
    }
    return [...found].map(([name, d]) => make("path", { class: name, d }));
  }

  const listed = (items, between) => items.flatMap((item, n) => (n ? [between, item] : [item]));

  const said = ([kind, value]) =>
    kind === "" ? text(value) : [make(kind, kind === "strong" ? { dir: "auto" } : {}, text(value))];

  function card(face, language) {
    const strip = face.strip ?? "";
    const drawing = { class: "heat", viewBox: `0 0 ${strip.length} 1`, preserveAspectRatio: "none", role: "img", "aria-label": face.seen, lang: "en" };
    const made = make(
      "li",
      { class: "card", lang: face.language },
      make("h3", {}, make("a", { href: face.page, dir: "auto" }, text(face.title))),
      make("p", { class: "about", lang: "en" }, text(face.about)),
      make("svg", drawing, paths(strip)),
      make("p", { class: `said ${face.verdict}`, lang: "en" }, face.said.flatMap(said)),
    );
    if (face.tested) made.append(make("p", { class: "tested", lang: "en" }, face.tested));
    if (face.quote) {
      made.append(make("blockquote", { dir: "auto" }, make("p", {}, text(face.quote))));
      made.append(make("p", { class: "why", lang: "en" }, text(face.why ?? "")));
    }
    if (face.words.length) {
      const words = face.words.map((word) => make("bdi", {}, text(word)));
      made.append(make("p", { class: "drawn" }, make("span", { lang: "en" }, `${face.drawn}: `), listed(words, ", ")));
    }
    if (face.note) made.append(make("p", { class: "remark", lang: language, dir: "auto" }, text(face.note)));
    if (face.files) {
      const files = face.files.map(([name, href]) => make("a", { href }, name));
      made.append(make("p", { class: "files", lang: "en" }, listed(files, " · ")));
    }
    return made;
  }

  return { make, card };
})();
