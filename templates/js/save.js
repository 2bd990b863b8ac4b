// Give the reader files: a download, CSV, LaTeX, text on the clipboard.
reportgen.save = (() => {
  "use strict";

  function download(name, content, type) {
    const url = content.startsWith("data:") ? content : URL.createObjectURL(new Blob([content], { type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${reportgen.scores.model().facts.name}-${name}`.replace(/[^\w.-]+/g, "_");
    document.body.append(link);
    link.click();
    link.remove();
    if (url !== content) setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  function csv(rows) {
    // As spreadsheets take it: with a byte order mark; text that they could run something from gets an apostrophe, as in
    // tables.py.
    const cell = (value) => {
      const text = typeof value === "string" && /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20][^]*[(\uff08|!\[#]/.test(value) ? `'${value}` : `${value ?? ""}`;
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return `\ufeff${rows.map((row) => row.map(cell).join(",") + "\r\n").join("")}`;
  }

  const SIGNS = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#", "%": "\\%", "_": "\\_",
    "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", '"': "\\textquotedbl{}",
  };
  const escaped = (text) => text.replace(/[\\{}$&#%_^~<>|"]/g, (sign) => SIGNS[sign]).replace(/\s+/g, " ");

  function latex({ caption, columns, numeric, rows }) {
    // A table for the package booktabs.
    const line = (cells) => `    ${cells.map(escaped).join(" & ")} \\\\`;
    return [
      "\\begin{table}",
      "  \\centering",
      `  \\caption{${escaped(caption)}}`,
      `  \\begin{tabular}{${numeric.map((right) => (right ? "r" : "l")).join("")}}`,
      "    \\toprule",
      line(columns),
      "    \\midrule",
      ...rows.map(line),
      "    \\bottomrule",
      "  \\end{tabular}",
      "\\end{table}",
      "",
    ].join("\n");
  }

  async function copy(text, button) {
    button.dataset.name ??= button.textContent;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copied = byHand(text);
    }
    button.textContent = copied ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = button.dataset.name), 1500);
  }

  function byHand(text) {
    // Where the clipboard is closed to scripts: as if the reader had marked the text and pressed the keys.
    const box = document.createElement("textarea");
    const focus = document.activeElement;
    box.value = text;
    box.className = "unseen";
    document.body.append(box);
    box.select();
    const copied = document.execCommand("copy");
    box.remove();
    focus?.focus();
    return copied;
  }

  return { download, csv, latex, copy };
})();
