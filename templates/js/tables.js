// Every table: sorted by a click on a column, filtered by layer, head and rank, saved as CSV, copied as LaTeX.
reportgen.tables = (() => {
  "use strict";

  const { make, jump } = reportgen.dom;
  const known = new Map(); // id of the caption -> the table
  const LONG = 20; // rows
  const PLACES = ["Position", "From"]; // columns that lead to a token

  const minus = (text) => text.replace("−", "-"); // as numbers are read, in other programs, too
  const amount = (text) => Number.parseFloat(minus(text).replaceAll(",", ""));
  const frameOf = (id) => document.getElementById(id)?.closest(".table");

  function start() {
    for (const frame of document.querySelectorAll("main .table")) enhance(frame);
  }

  function enhance(frame) {
    const body = frame.querySelector("tbody");
    const heads = [...frame.querySelectorAll("thead th")];
    const table = {
      frame,
      body,
      columns: heads.map((head) => head.textContent),
      numeric: heads.map((head) => head.classList.contains("n")),
      rows: [...body.rows].map((tr) => ({ tr, cells: [...tr.cells].map((cell) => cell.textContent.trim()) })),
      sorted: null, // [column, 1 or -1]
      filters: {},
    };
    for (const row of table.rows) linkPlaces(table, row);
    table.tools = make("div", { class: "tools", role: "group", "aria-label": "Table" });
    if (table.rows.length > LONG) frame.before(table.tools); // filters within reach of the head of a long table
    else frame.after(table.tools);
    known.set(frame.getAttribute("aria-labelledby"), table);
    addSorting(table);
    addTools(table);
  }

  const reset = () => known.forEach(restore);

  function restore(table) {
    // The order and the rows of the beginning.
    table.sorted = null;
    table.filters = {};
    for (const head of table.frame.querySelectorAll("thead th")) head.removeAttribute("aria-sort");
    addTools(table);
    show(table);
  }

  function linkPlaces(table, { tr, cells }) {
    table.columns.forEach((column, n) => {
      if (PLACES.includes(column) && tr.cells[n]) tr.cells[n].replaceChildren(jump(Number(cells[n]), cells[n]));
    });
  }

  function addSorting(table) {
    table.frame.querySelectorAll("thead th").forEach((head, n) => {
      const button = make("button", { type: "button", class: "sort", onclick: () => sort(table, n) }, table.columns[n]);
      head.replaceChildren(button);
      if (table.sorted?.[0] === n) head.setAttribute("aria-sort", table.sorted[1] > 0 ? "ascending" : "descending");
    });
  }

  function sort(table, column) {
    const before = table.sorted;
    // Numbers begin with the largest, but for those that only number.
    const first = table.numeric[column] && !["Layer", "Head", "Rank", ...PLACES].includes(table.columns[column]) ? -1 : 1;
    table.sorted = [column, before?.[0] === column ? -before[1] : first];
    table.frame.querySelectorAll("thead th").forEach((head, n) => {
      if (n === column) head.setAttribute("aria-sort", table.sorted[1] > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    show(table);
  }

  function addTools(table) {
    const name = table.frame.querySelector("caption").textContent;
    table.tools.setAttribute("aria-label", `Table: ${name}`);
    const filters = table.columns.flatMap((column, n) => {
      if (column === "Rank") return [rankFilter(table, n)];
      return column === "Layer" || column === "Head" ? [numberFilter(table, column, n)] : [];
    });
    const csv = make("button", { type: "button", onclick: () => saveCsv(table) }, "Save CSV");
    const latex = make("button", { type: "button" }, "Copy LaTeX");
    latex.addEventListener("click", () => reportgen.save.copy(reportgen.save.latex(plain(table)), latex));
    table.tools.replaceChildren(...filters, csv, latex);
  }

  function numberFilter(table, column, n) {
    const values = [...new Set(table.rows.map((row) => row.cells[n]))].sort((a, b) => a - b);
    const select = make("select", {}, make("option", { value: "" }, "all"), ...values.map((value) => make("option", {}, value)));
    if (values.includes(table.filters[column])) select.value = table.filters[column];
    else delete table.filters[column];
    select.addEventListener("change", () => {
      table.filters[column] = select.value;
      show(table);
    });
    return make("label", {}, `${column} `, select);
  }

  function rankFilter(table) {
    const input = make("input", { type: "number", min: 1, value: table.filters.Rank ?? "" });
    input.addEventListener("input", () => {
      table.filters.Rank = input.value;
      show(table);
    });
    return make("label", {}, "Rank up to ", input);
  }

  function shown(table) {
    // Rows that pass the filters, in the order of the sorted column.
    const passes = (row) =>
      table.columns.every((column, n) => {
        const wanted = table.filters[column];
        if (!wanted) return true;
        return column === "Rank" ? amount(row.cells[n]) <= Number(wanted) : row.cells[n] === wanted;
      });
    const rows = table.rows.filter(passes);
    if (!table.sorted) return rows;
    const [column, way] = table.sorted;
    const compare = table.numeric[column]
      ? (a, b) => (amount(a.cells[column]) || 0) - (amount(b.cells[column]) || 0)
      : (a, b) => a.cells[column].localeCompare(b.cells[column], "en");
    return rows.sort((a, b) => way * compare(a, b));
  }

  const show = (table) => table.body.replaceChildren(...shown(table).map((row) => row.tr));

  function set(id, { caption, columns, numeric, rows }) {
    // New content. A cell is text, {text, position} for one that leads to a token, or a list of these.
    const table = known.get(id);
    if (!table) return;
    if (caption) document.getElementById(id).firstElementChild.textContent = caption;
    if (columns && String(columns) !== String(table.columns)) {
      table.sorted = null;
      table.columns = columns;
      table.numeric = numeric;
      const heads = columns.map((_, n) => make("th", { scope: "col", class: numeric[n] ? "n" : null }));
      table.frame.querySelector("thead tr").replaceChildren(...heads);
      addSorting(table);
    }
    table.rows = rows.map((cells) => row(table, cells));
    addTools(table);
    show(table);
  }

  const textOf = (cell) => (Array.isArray(cell) ? cell.map(textOf).join(" · ") : (cell.text ?? String(cell)));

  function row(table, cells) {
    const write = (cell) => (cell.position === undefined ? (cell.text ?? String(cell)) : jump(cell.position, cell.text));
    const between = (list) => list.flatMap((cell, n) => (n ? [" · ", write(cell)] : [write(cell)]));
    const parts = cells.map((cell, n) =>
      make("td", { class: table.numeric[n] ? "n" : null }, ...(Array.isArray(cell) ? between(cell) : [write(cell)])),
    );
    const made = { tr: make("tr", {}, ...parts), cells: cells.map(textOf) };
    linkPlaces(table, made);
    return made;
  }

  const plain = (table) => ({
    caption: table.frame.querySelector("caption").textContent,
    columns: table.columns,
    numeric: table.numeric,
    rows: shown(table).map((one) => one.cells.map((cell, n) => (table.numeric[n] ? minus(cell) : cell))),
  });

  function saveCsv(table) {
    const { columns, rows } = plain(table);
    const name = table.frame.getAttribute("aria-labelledby");
    reportgen.save.download(`${name}.csv`, reportgen.save.csv([columns, ...rows]), "text/csv");
  }

  return { start, reset, set, frameOf };
})();
