// Tables: those of the page made sortable, and that of candidates, of which only a part is drawn.
const Tables = (() => {
  const { html, button } = Figure;

  /** A cell's text as what it sorts by. */
  function key(text) {
    const number = parseFloat(text.replace("−", "-").replaceAll(",", ""));
    return text === "–" ? -Infinity : Number.isNaN(number) || /^[a-z]/i.test(text) ? text.toLowerCase() : number;
  }

  const compare = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);

  /** Makes the heads of a table's columns sort its rows. */
  function sortable(table) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const press = button(head.textContent, () => {
        const rising = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("num"));
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [key(row.cells[column].textContent), row]);
        rows.sort((a, b) => (rising ? 1 : -1) * compare(a[0], b[0]));
        body.append(...rows.map((row) => row[1]));
      });
      head.replaceChildren(press);
    });
  }

  const two = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace("-", "−"));

  /** The peaks of a packed pattern: angles, and heights from 0 to 1. */
  function unpack(packed, grid) {
    const bytes = atob(packed), x = [], y = [];
    for (let i = 0; i + 2 < bytes.length; i += 3) {
      x.push(grid[0] + grid[1] * (bytes.charCodeAt(i) + 256 * bytes.charCodeAt(i + 1)));
      y.push(bytes.charCodeAt(i + 2) / 255);
    }
    return { x, y };
  }

  /** The table of candidates with its filters, and the candidate that is looked at. */
  function candidates(host, view) {
    const PAGE = 50;
    const rows = view.rows.map((row, index) => ({
      ...row, index, name: row.pattern.name, formula: row.pattern.formula || "",
      neighbour: row.neighbours.length ? row.neighbours[0] : null,
      text: `${row.pattern.name} ${row.pattern.formula || ""} ${(row.more || []).join(" ")}`.toLowerCase(),
    }));
    const has = (test) => rows.some(test);
    const known = (place) => { const p = view.labeled[place]; return p.formula || p.name; };
    const columns = [
      { name: "rank", num: true, value: (r) => r.rank, text: (r) => String(r.rank) },
      { name: "name", value: (r) => r.name.toLowerCase(), text: (r) => r.name, pick: true },
      { name: "formula", value: (r) => r.formula.toLowerCase(), text: (r) => r.formula || "–", only: has((r) => r.formula) },
      { name: "probability", num: true, value: (r) => r.probability ?? -1, text: (r) => two(r.probability), only: has((r) => r.probability !== null) },
      { name: "interval", value: (r) => (r.interval ? r.interval[0] : -1), text: (r) => (r.interval ? `${two(r.interval[0])} to ${two(r.interval[1])}` : "–"), only: has((r) => r.interval) },
      { name: "votes", num: true, value: (r) => parseFloat(r.votes ?? "-1"), text: (r) => r.votes ?? "–", only: has((r) => r.votes !== null) },
      { name: "strangeness", num: true, value: (r) => r.strangeness ?? -1, text: (r) => two(r.strangeness), only: has((r) => r.strangeness !== null) },
      { name: "nearest labelled", value: (r) => (r.neighbour ? r.neighbour[1] : -1), text: (r) => (r.neighbour ? `${known(r.neighbour[0])} (${two(r.neighbour[1])})` : "–"), only: has((r) => r.neighbour) },
      ...view.columns.map((name, i) => ({ name, value: (r) => key(r.more[i] || "–"), text: (r) => r.more[i] || "–" })),
    ].filter((column) => column.only !== false);

    let shown = rows, page = 0, order = { column: 0, rising: true }, chosen = null;
    const controls = html("div", "controls");
    const field = (label, type, attributes) => {
      const wrap = html("label", "", label), input = html("input");
      input.type = type;
      Object.assign(input, attributes);
      input.addEventListener("input", () => { page = 0; update(); });
      wrap.append(input);
      controls.append(wrap);
      return input;
    };
    const search = field("Name or formula", "search", { placeholder: "such as garnet or Li7La3" });
    const least = has((r) => r.probability !== null) ? field("Probability from", "number", { min: 0, max: 1, step: 0.05, value: 0 }) : null;
    const odd = has((r) => r.strangeness !== null) ? field("Strangeness up to", "number", { min: 0, step: 0.05, placeholder: "any" }) : null;
    const count = html("p", "note");
    count.setAttribute("role", "status");

    const table = html("table"), head = html("tr"), body = html("tbody");
    const thead = html("thead");
    thead.append(head);
    table.append(thead, body);
    columns.forEach((column, number) => {
      const cell = html("th", column.num ? "num" : "");
      cell.scope = "col";
      cell.append(button(column.name, () => {
        order = { column: number, rising: order.column === number ? !order.rising : !(column.num && column.name !== "rank") };
        page = 0;
        update();
      }));
      head.append(cell);
    });
    const scroll = html("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Candidates");
    scroll.append(table);
    const before = button("Previous", () => { page--; update(); }), after = button("Next", () => { page++; update(); });
    const where = html("span");
    const pages = html("div", "pages");
    pages.append(before, where, after, button("Save these as CSV", () => {
      const lines = [columns.map((column) => Figure.cell(column.name)).join(",")];
      for (const row of shown) lines.push(columns.map((column) => Figure.cell(column.text(row).replace("–", ""))).join(","));
      Figure.save("candidates.csv", "text/csv", lines.join("\n") + "\n");
    }));
    const left = html("div"), detail = html("aside", "detail");
    detail.setAttribute("aria-label", "The chosen candidate");
    left.append(scroll, pages);
    const split = html("div", "split");
    split.append(left, detail);
    host.replaceChildren(...view.notes.map((note) => html("p", "note", note)), controls, count, split);

    function update() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const low = least ? Number(least.value) || 0 : 0, high = odd && odd.value !== "" ? Number(odd.value) : Infinity;
      shown = rows.filter((r) => words.every((word) => r.text.includes(word)) && (!least || low <= 0 || (r.probability ?? -1) >= low) && (r.strangeness ?? 0) <= high);
      const { column, rising } = order, value = columns[column].value;
      shown.sort((a, b) => (rising ? 1 : -1) * compare(value(a), value(b)) || a.index - b.index);
      const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
      page = Math.min(page, last);
      [...head.cells].forEach((cell, number) => {
        if (number === column) cell.setAttribute("aria-sort", rising ? "ascending" : "descending");
        else cell.removeAttribute("aria-sort");
      });
      body.replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(line));
      count.textContent = `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} candidates`;
      where.textContent = `page ${page + 1} of ${last + 1}`;
      before.disabled = page === 0;
      after.disabled = page >= last;
      scroll.scrollTop = 0;
    }

    function line(row) {
      const made = html("tr", row === chosen ? "chosen" : "");
      for (const column of columns) {
        const cell = html(column.pick ? "th" : "td", column.num ? "num" : "");
        if (column.pick) {
          cell.scope = "row";
          const press = button(column.text(row), () => look(row));
          if (row === chosen) press.setAttribute("aria-current", "true");
          cell.append(press);
        } else cell.textContent = column.text(row);
        made.append(cell);
      }
      return made;
    }

    function look(row) {
      chosen = row;
      [...body.rows].forEach((made, i) => {
        const own = shown[page * PAGE + i] === row;
        made.classList.toggle("chosen", own);
        const press = made.querySelector("th button");
        if (own) press.setAttribute("aria-current", "true"); else press.removeAttribute("aria-current");
      });
      detailOf(detail, row, view);
    }

    update();
    if (shown.length) look(shown[0]);
  }

  /** A candidate: its figures, its pattern, its labelled neighbours, and what drives its prediction. */
  function detailOf(detail, row, view) {
    detail.replaceChildren(html("h3", "", row.formula ? `${row.formula}` : row.name));
    const facts = [row.formula ? row.name : null, row.probability === null ? null : `probability of being superionic ${two(row.probability)}${row.interval ? ` (${two(row.interval[0])} to ${two(row.interval[1])})` : ""}`,
      row.votes === null ? null : `votes ${row.votes}`, row.strangeness === null ? null : `strangeness ${two(row.strangeness)}`].filter(Boolean);
    detail.append(html("p", "note", facts.join(" · ")));
    if (!row.pattern.sticks) {
      detail.append(html("p", "note", "Its pattern is not at hand."));
      return;
    }
    const choice = html("div", "choice"), place = html("div");
    const names = row.neighbours.map(([at, cosine]) => {
      const p = view.labeled[at];
      const label = p.label === null || p.label === undefined ? "" : p.label === 0 ? ", superionic" : ", not superionic";
      return { pattern: p, text: `${p.formula || p.name}${label} (cosine ${two(cosine)})` };
    });
    const draw = (neighbour) => {
      place.replaceChildren();
      const grid = view.grid, own = unpack(row.pattern.sticks, grid);
      const name = row.formula || row.name;
      const series = [{ name, style: 0, shape: "sticks", ...own }];
      let caption = `Powder pattern of ${name}, its ${own.x.length} strongest peaks.`;
      if (neighbour) {
        const other = unpack(neighbour.pattern.sticks, grid);
        series.push({ name: neighbour.pattern.formula || neighbour.pattern.name, style: 1, shape: "sticks", x: other.x, y: other.y.map((v) => -v) });
        const sigma = neighbour.pattern.conductivity;
        caption += ` Below, hanging: ${neighbour.text}${sigma ? `, ${Chart.scientific(sigma)} S/cm` : ""}.`;
      }
      const driving = (name, style, wanted) => {
        const found = row.peaks.filter(([, weight]) => wanted(weight));
        if (!found.length) return;
        const height = (angle) => { let best = 0; own.x.forEach((x, i) => { if (Math.abs(x - angle) < 0.3) best = Math.max(best, own.y[i]); }); return Math.min(best + 0.06, 1.1); };
        series.push({ name, style, shape: "points", x: found.map((p) => p[0]), y: found.map((p) => height(p[0])), labels: found.map((p) => `weight ${p[1].toPrecision(2)}`) });
      };
      driving("speaks for superionic", 4, (w) => w > 0);
      driving("speaks against", 3, (w) => w < 0);
      const last = grid[0] + grid[1] * (grid[2] - 1);
      const chart = { id: `candidate-${row.index}`, title: `Pattern of ${name}`, caption, x: { label: "two-theta", unit: "°", scale: "linear", range: [grid[0], last] }, y: { label: "relative intensity", scale: "mirrored", range: [neighbour ? -1.08 : 0, 1.18] }, series };
      Figure.mount(place, chart, null, true);
      place.append(html("p", "note", caption));
      [...choice.children].forEach((made, i) => made.setAttribute("aria-pressed", String(names[i] === neighbour)));
    };
    names.forEach((neighbour) => choice.append(button(neighbour.text, () => draw(neighbour))));
    if (names.length) detail.append(html("p", "note", "Nearest labelled compounds:"), choice);
    detail.append(place);
    draw(names[0] || null);
  }

  return { sortable, candidates };
})();
