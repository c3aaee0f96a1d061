class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
async function answer(response) {
  if (response.ok) return response.json();
  let code = "failed", message = `the server answers ${response.status}`;
  try {
    ({ code, message } = await response.json());
  } catch {
  }
  throw new Refusal(response.status, code, message);
}
async function ask(path, init) {
  try {
    return await fetch(`/api/v1/${path}`, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "unreachable", "the server does not answer; is it still running?");
  }
}
async function get(path, signal) {
  return answer(await ask(path, signal ? { signal } : {}));
}
async function send(files, run, wavelength, signal) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  const query = new URLSearchParams({ run, wavelength });
  return answer(await ask(`analyses?${query}`, { method: "POST", body: form, signal }));
}
const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";
const inWords = (error) => error instanceof Error ? error.message : String(error);
function h(name, attributes = {}, ...children) {
  const made2 = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made2.setAttribute(key, "");
    else if (value !== false && value !== void 0) made2.setAttribute(key, value);
  }
  const kept2 = children.filter((child) => child !== null && child !== false && child !== void 0);
  made2.append(...kept2.map((child) => typeof child === "string" ? child.replaceAll(" %", " %") : child));
  return made2;
}
function button(text, action, attributes = {}) {
  const made2 = h("button", { type: "button", ...attributes }, text);
  made2.addEventListener("click", action);
  return made2;
}
function link(text, href, attributes = {}) {
  return h("a", { href, ...attributes }, text);
}
const two = (value) => value === null || value === void 0 ? "–" : value.toFixed(2).replace("-", "−");
const signed = (value) => {
  const text = Math.abs(value).toFixed(2);
  return text === "0.00" ? text : (value > 0 ? "+" : "−") + text;
};
const sigma = (value) => value === null ? "" : `${Chart.scientific(value)} S/cm`;
const whole = (count) => count.toLocaleString("en");
const counted = (count, what) => `${whole(count)} ${what}${count === 1 ? "" : "s"}`;
function className(label) {
  return label === null ? "" : label === 0 ? "superionic" : "not superionic";
}
function scrolling(label, table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}
function figure(chart, tall = true) {
  const place = h("div"), caption = h("figcaption", {}, chart.caption);
  const element = h("figure", { class: "chart live-on", "data-chart": chart.id }, h("h4", {}, chart.title), place, caption);
  let mounted = null, latest = chart;
  requestAnimationFrame(() => {
    mounted = Figure.mount(place, latest, null, tall);
  });
  return {
    element,
    update(next) {
      latest = next;
      caption.textContent = next.caption;
      mounted?.update(next);
    }
  };
}
const SVG = "http://www.w3.org/2000/svg";
function bar(value, low, high) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 200 20");
  svg.setAttribute("class", "bar");
  svg.setAttribute("aria-hidden", "true");
  const at = (x) => 2 + 196 * Math.min(1, Math.max(0, x));
  const draw = (name, attributes) => {
    const made2 = document.createElementNS(SVG, name);
    for (const [key, text] of Object.entries(attributes)) made2.setAttribute(key, text);
    svg.append(made2);
  };
  draw("path", { class: "way", d: "M2 10h196" });
  if (low !== null && high !== null) draw("path", { class: "interval", d: `M${at(low)} 10H${at(high)}` });
  draw("circle", { cx: String(at(value)), cy: "10", r: "5" });
  return svg;
}
function compare(a, b, rising) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return rising ? order : -order;
}
function patternDetail(place, analysis, index) {
  const pattern = analysis.patterns[index], under = new AbortController(), { signal } = under;
  const base = `analyses/${analysis.id}/patterns/${index}`;
  const charts = h("div", { class: "figures" }, h("p", { class: "status busy", role: "status" }, "Drawing…"));
  const why = h("div", {}, h("h4", {}, "Why?"), h("p", { class: "status busy", role: "status" }, "Asking the models which peaks matter…"));
  const beside = h("div"), table = h("div");
  place.replaceChildren(
    h("h3", {}, pattern.formula && pattern.formula !== pattern.name ? `${pattern.name} · ${pattern.formula}` : pattern.name),
    ...verdict(pattern),
    charts,
    h("div", { class: "figures" }, beside, why),
    table
  );
  void get(base, signal).then((found) => {
    const own = found.charts.filter((chart) => !chart.id.startsWith("neighbour-"));
    const others = found.charts.filter((chart) => chart.id.startsWith("neighbour-"));
    charts.replaceChildren(...own.map((chart) => figure(chart, false).element));
    beside.replaceChildren(...others.length ? [neighbours(pattern.nearest, others)] : []);
  }).catch((error) => {
    if (!isAbort(error)) charts.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  });
  void get(`${base}/explanation`, signal).then(({ explanation, charts: charts2 }) => {
    why.replaceChildren(h("h4", {}, "Why?"), ...reasons(explanation), ...charts2.map((chart) => figure(chart, false).element));
    table.replaceChildren(peaks(explanation));
  }).catch((error) => {
    if (!isAbort(error)) why.replaceChildren(h("h4", {}, "Why?"), h("p", { class: "note", role: "status" }, `No explanation: ${inWords(error)}.`));
  });
  return () => under.abort();
}
function verdict(pattern) {
  const made2 = [];
  if (pattern.probability !== null) {
    const between = pattern.lower === null ? "" : `; with other models of the kind it would lie between ${two(pattern.lower)} and ${two(pattern.upper)} (95 %)`;
    made2.push(h(
      "div",
      { class: "verdict" },
      h("p", { class: "value" }, two(pattern.probability)),
      bar(pattern.probability, pattern.lower, pattern.upper),
      h("p", { class: "of" }, `Calibrated probability of being superionic${between}. ${pattern.votes} of ${counted(pattern.members, "model")} vote for it.`)
    ));
  } else {
    made2.push(h("p", {}, "The models abstain."));
  }
  if (pattern.outlier) {
    made2.push(h(
      "div",
      { class: "warnings", role: "note" },
      h("strong", {}, "Unlike all that was seen. "),
      `The models were trained on nothing of this kind (strangeness ${two(pattern.strangeness)}); do not rely on the probability.`
    ));
  }
  if (pattern.twin_of !== null) made2.push(h("p", {}, `Nearly the same pattern as the labelled ${pattern.twin_of}.`));
  if (pattern.label !== null) made2.push(h("p", {}, `The file calls it ${className(pattern.label)}.`));
  const from = { structure: "simulated from the structure in", scan: "measured, in", table: "a row of" }[pattern.kind];
  made2.push(h("ul", { class: "notes" }, h("li", {}, `${from} ${pattern.file}`), ...pattern.notes.map((note) => h("li", {}, note))));
  return made2;
}
function neighbours(nearest, charts) {
  const place = h("div"), choice = h("div", { class: "choice" });
  const draw = (number) => {
    place.replaceChildren(figure(charts[number]).element);
    [...choice.children].forEach((made2, i) => made2.setAttribute("aria-pressed", String(i === number)));
  };
  nearest.slice(0, charts.length).forEach((near, number) => {
    const told = [className(near.label), sigma(near.conductivity)].filter(Boolean).join(", ");
    choice.append(button(`${near.name}${told ? `: ${told}` : ""} (cosine ${two(near.cosine)})`, () => draw(number)));
  });
  draw(0);
  return h("div", {}, h("h4", {}, "Nearest labelled compounds"), choice, place);
}
function reasons({ log_odds, baseline, spread: spread2, members, check }) {
  const made2 = [h("p", {}, `The models’ log-odds of superionic are ${signed(log_odds)} ± ${spread2.toFixed(2)} over ${counted(members, "model")}; of an empty pattern ${signed(baseline)}.`)];
  if (check) {
    const matters = check.p_value <= 0.05;
    const text = `Without the ${check.peaks} named peaks they fall by ${two(check.named)}, without as many drawn at random by ${two(check.random)} (95 % of ${check.draws} draws: ${two(check.random_range[0])} to ${two(check.random_range[1])}).`;
    made2.push(h("p", {}, text));
    if (!matters) made2.push(h("p", { class: "warnings", role: "note" }, `The named peaks do not matter more than others (p = ${check.p_value.toFixed(3)}): do not rely on this explanation.`));
  } else {
    made2.push(h("p", { class: "note" }, "Too few peaks to compare the named ones with others."));
  }
  return made2;
}
function peaks(explanation) {
  const most = explanation.reasons.toSorted((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution)).slice(0, 10);
  const rows = most.map((reason) => h(
    "tr",
    {},
    h("th", { scope: "row", class: "num" }, `${reason.two_theta.toFixed(2)}`),
    h("td", { class: "num" }, reason.d === null ? "–" : reason.d.toFixed(3)),
    h("td", {}, reason.planes.map((plane) => `(${plane.hkl.join(" ").replaceAll("-", "−")})`).join(" ") || "–"),
    h("td", { class: "num" }, `${signed(reason.attribution)} ± ${reason.spread.toFixed(2)}`),
    h("td", { class: "num" }, signed(reason.occlusion)),
    h("td", { class: "num" }, `${reason.agreeing}/${explanation.members}`)
  ));
  const heads = [["two-theta / °", true], ["d / Å", true], ["hkl", false], ["part of log-odds", true], ["when taken out", true], ["models agree", true]];
  return scrolling("Peaks that matter most", h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...heads.map(([name, numeric]) => h("th", { scope: "col", class: numeric ? "num" : "" }, name)))),
    h("tbody", {}, ...rows)
  ));
}
function analyse(section, about) {
  const chooser = h("select", { id: "run" });
  const wavelength = h("input", { type: "text", id: "wavelength", placeholder: "CuKa", spellcheck: "false" });
  const files = h("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const choose = button("Choose files", () => files.click(), { class: "primary" });
  const drop = h(
    "div",
    { class: "drop" },
    h("p", { class: "big" }, "Drop patterns here"),
    choose,
    files,
    h("p", { class: "note" }, "Structures (CIF, POSCAR, lines of JSON), scans (.xy .xye .dat .chi .xrdml .brml .raw .uxd .ras .rasx, GSAS, powder CIF) and tables (.csv, .csv.gz, .csv.zst, .parquet), as many as you like.")
  );
  const status = h("p", { class: "status", role: "status" });
  const refused = h("div"), results = h("div");
  const controls = h(
    "div",
    { class: "controls" },
    h("label", {}, "Models of", chooser),
    h("label", {}, "Wavelength of scans that state none", wavelength)
  );
  section.append(controls, drop, status, refused, results);
  void get("runs").then(({ runs: runs2 }) => {
    for (const run of runs2.filter((run2) => run2.complete > 0)) {
      chooser.append(h("option", { value: run.id, selected: run.id === about.run }, `${run.id} (${counted(run.complete, "model")})`));
    }
    if (!chooser.options.length) {
      chooser.append(h("option", { value: "" }, "no finished experiment"));
      say("No run has a finished experiment yet; train one, and come back.");
      chooser.disabled = true;
    }
  }).catch((error) => say(inWords(error)));
  let under = null;
  function say(text, busy = false) {
    status.textContent = text;
    status.classList.toggle("busy", busy);
  }
  async function take(given) {
    if (!given.length) return;
    under?.abort();
    under = new AbortController();
    const own = under;
    const bytes = given.reduce((sum, file) => sum + file.size, 0);
    const large = given.filter((file) => file.size > about.file_bytes);
    if (given.length > about.files || bytes > about.body_bytes || large.length) {
      const why = large[0] ? `${large[0].name} is larger than ${megabytes(about.file_bytes)}` : given.length > about.files ? `${whole(given.length)} files at once; the most is ${about.files}` : `the files together are larger than ${megabytes(about.body_bytes)}`;
      say(`${why}. For many patterns use “xrdmatch screen”.`);
      return;
    }
    say(`Reading and judging ${given.length === 1 ? given[0].name : counted(given.length, "file")}; the first time the models are opened, which takes seconds, with large networks a minute.`, true);
    try {
      const analysis = await send(given, chooser.value, wavelength.value.trim(), own.signal);
      if (own.signal.aborted) return;
      show2(analysis);
    } catch (error) {
      if (!isAbort(error)) say(inWords(error));
    } finally {
      files.value = "";
    }
  }
  function show2(analysis) {
    const { patterns } = analysis;
    say(patterns.length ? `${counted(patterns.length, "pattern")} judged by ${counted(analysis.members, "model")} of ${analysis.run}.` : "No pattern could be read.");
    refused.replaceChildren(...analysis.refused.length ? [refusals(analysis.refused)] : []);
    results.replaceChildren(...patterns.length ? [resultsOf(analysis)] : []);
  }
  files.addEventListener("change", () => void take([...files.files ?? []]));
  section.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  section.addEventListener("dragleave", () => drop.classList.remove("over"));
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    void take([...event.dataTransfer?.files ?? []]);
  });
}
const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;
function refusals(refused) {
  const items = refused.map(({ file, message }) => {
    const rest = message.startsWith(file) ? message.slice(file.length).replace(/^[:,]?\s*/, "") : message;
    return h("li", {}, h("span", { class: "file" }, file), `: ${rest}`);
  });
  return h(
    "aside",
    { class: "warnings", role: "alert", "aria-label": "Not read" },
    h("h3", {}, refused.length === 1 ? "One could not be read" : `${whole(refused.length)} could not be read`),
    h("ul", {}, ...items)
  );
}
function resultsOf(analysis) {
  const detail = h("aside", { class: "detail", "aria-label": "The chosen pattern" });
  const rows = analysis.patterns.map((pattern, index) => ({ pattern, index }));
  const columns = [
    { name: "pattern", head: true, value: (r) => r.pattern.name, cell: (r) => r.pattern.name },
    { name: "formula", value: (r) => r.pattern.formula, cell: (r) => r.pattern.formula ?? "–" },
    { name: "from", value: (r) => r.pattern.kind, cell: (r) => ({ structure: "structure", scan: "scan", table: "table" })[r.pattern.kind] },
    { name: "probability", numeric: true, value: (r) => r.pattern.probability, cell: (r) => two(r.pattern.probability) },
    { name: "interval", value: (r) => r.pattern.lower, cell: (r) => interval(r.pattern) },
    { name: "votes", numeric: true, value: (r) => r.pattern.votes, cell: (r) => `${r.pattern.votes}/${r.pattern.members}` },
    { name: "caution", value: (r) => Number(r.pattern.outlier) * 2 + Number(r.pattern.twin_of !== null), cell: (r) => caution(r.pattern) },
    { name: "nearest labelled", value: (r) => r.pattern.nearest[0]?.cosine ?? null, cell: (r) => {
      const near = r.pattern.nearest[0];
      return near ? `${near.name} (${two(near.cosine)})` : "–";
    } }
  ];
  const shown = columns.filter((column) => column.name !== "formula" || rows.some((row) => row.pattern.formula));
  const head = h("tr"), body = h("tbody");
  let order = { column: -1, rising: true }, chosen2 = null, ended = null;
  shown.forEach((column, number) => {
    head.append(h("th", { scope: "col", class: column.numeric ? "num" : "" }, button(column.name, () => {
      order = { column: number, rising: order.column === number ? !order.rising : !column.numeric };
      fill();
    })));
  });
  function fill() {
    const column = shown[order.column];
    const sorted = column ? rows.toSorted((a, b) => compare(column.value(a), column.value(b), order.rising) || a.index - b.index) : rows;
    [...head.cells].forEach((cell, number) => {
      if (number === order.column) cell.setAttribute("aria-sort", order.rising ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    body.replaceChildren(...sorted.map((row) => {
      const cells = shown.map((column2) => {
        if (!column2.head) return h("td", { class: column2.numeric ? "num" : "" }, column2.cell(row));
        const press = button(String(column2.cell(row)), () => look(row));
        if (row === chosen2) press.setAttribute("aria-current", "true");
        return h("th", { scope: "row" }, press);
      });
      return h("tr", { class: row === chosen2 ? "chosen" : "" }, ...cells);
    }));
  }
  function look(row) {
    const held = body.contains(document.activeElement);
    chosen2 = row;
    fill();
    if (held) body.querySelector("[aria-current]")?.focus();
    ended?.();
    ended = patternDetail(detail, analysis, row.index);
  }
  look(rows[0]);
  const table = h("table", {}, h("thead", {}, head), body);
  const saves = ["csv", "jsonl", "parquet"].map((form) => {
    const name = { csv: "CSV", jsonl: "JSON lines", parquet: "Parquet" }[form];
    return link(name, `/api/v1/analyses/${analysis.id}/table?format=${form}`, { download: true });
  });
  return h(
    "div",
    { class: "stacked split" },
    h("div", {}, scrolling("Patterns", table), h("p", { class: "downloads" }, "Save these as", ...saves)),
    detail
  );
}
function interval({ probability, lower, upper }) {
  if (probability === null || lower === null || upper === null) return "–";
  return h("span", {}, `${two(lower)} to ${two(upper)}`, bar(probability, lower, upper));
}
function caution(pattern) {
  if (pattern.outlier) return h("span", { class: "chip warn" }, "unlike all seen");
  if (pattern.twin_of !== null) return h("span", { class: "chip" }, "labelled twin");
  return "–";
}
const PAGE = 50;
function candidates(section, about) {
  if (!about.candidates) {
    section.append(
      h("p", {}, "No candidates were given. Rank patterns, and start the server with the table:"),
      h("p", {}, h("code", {}, "xrdmatch screen RUN --data FILE -o ranked.csv")),
      h("p", {}, h("code", {}, "xrdmatch serve RUN --candidates ranked.csv"))
    );
    return;
  }
  const search = h("input", { type: "search", placeholder: "such as garnet or Li7La3" });
  const least = h("input", { type: "number", min: "0", max: "1", step: "0.05", placeholder: "0" });
  const odd = h("input", { type: "number", min: "0", step: "0.1", placeholder: "any" });
  const count = h("p", { class: "note", role: "status" }), notes = h("div");
  const head = h("tr"), body = h("tbody"), where = h("span");
  const save = link("Save these as CSV", "#", { download: true });
  const detail = h("aside", { class: "detail", "aria-label": "The chosen candidate" });
  const before = button("Previous", () => turn(-1)), after = button("Next", () => turn(1));
  const scroll = scrolling("Candidates", h("table", {}, h("thead", {}, head), body));
  section.append(
    h("div", { class: "controls" }, h("label", {}, "Name or formula", search), h("label", {}, "Probability from", least), h("label", {}, "Strangeness up to", odd)),
    count,
    notes,
    h("div", { class: "split" }, h("div", {}, scroll, h("div", { class: "pages" }, before, where, after, save)), detail)
  );
  const columns = [
    { name: "rank", sort: "rank", numeric: true, cell: (r) => whole(r.rank) },
    { name: "name", sort: "name", cell: (r) => r.name },
    { name: "formula", sort: "formula", cell: (r) => r.formula ?? "–" },
    { name: "probability", sort: "probability", numeric: true, cell: (r) => two(r.probability) },
    { name: "interval", sort: "interval", cell: (r) => r.interval && r.probability !== null ? h("span", {}, `${two(r.interval[0])} to ${two(r.interval[1])}`, bar(r.probability, r.interval[0], r.interval[1])) : "–" },
    { name: "votes", sort: "votes", numeric: true, cell: (r) => r.votes ?? "–" },
    { name: "strangeness", sort: "strangeness", numeric: true, cell: (r) => two(r.strangeness) },
    { name: "nearest labelled", sort: "nearest", cell: (r) => {
      const near = r.nearest[0];
      return near ? `${near.name} (${two(near.cosine)})` : "–";
    } }
  ];
  let order = { sort: "rank", descending: false }, offset = 0, matched = 0, chosen2 = -1, more = [];
  let under = new AbortController(), looking = new AbortController(), wait = 0;
  function query() {
    const asked = new URLSearchParams({ search: search.value, sort: order.sort, descending: String(order.descending) });
    if (least.value !== "") asked.set("min_probability", least.value);
    if (odd.value !== "") asked.set("max_strangeness", odd.value);
    return asked;
  }
  function heads() {
    head.replaceChildren(...columns.map((column) => {
      const cell = h("th", { scope: "col", class: column.numeric ? "num" : "" }, button(column.name, () => {
        const same = order.sort === column.sort;
        order = { sort: column.sort, descending: same ? !order.descending : Boolean(column.numeric) && column.name !== "rank" };
        offset = 0;
        void update(true);
      }));
      if (order.sort === column.sort) cell.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      return cell;
    }), ...more.map((name) => h("th", { scope: "col" }, name)));
  }
  async function update(keepFocus = false) {
    under.abort();
    under = new AbortController();
    const asked = query();
    save.href = `/api/v1/candidates/table?${asked}`;
    asked.set("offset", String(offset));
    asked.set("limit", String(PAGE));
    try {
      const page = await get(`candidates?${asked}`, under.signal);
      const held = keepFocus ? [...head.querySelectorAll("button")].findIndex((made2) => made2 === document.activeElement) : -1;
      more = page.columns;
      matched = page.matched;
      heads();
      if (held >= 0) head.querySelectorAll("button")[held]?.focus();
      body.replaceChildren(...page.rows.map(line));
      notes.replaceChildren(...page.notes.map((note) => h("p", { class: "note" }, note)));
      count.textContent = `${whole(matched)} of ${whole(page.total)} candidates from ${page.source}`;
      const last = Math.max(1, Math.ceil(matched / PAGE));
      where.textContent = `page ${whole(offset / PAGE + 1)} of ${whole(last)}`;
      before.disabled = offset === 0;
      after.disabled = offset + PAGE >= matched;
      scroll.scrollTop = 0;
      if (chosen2 < 0 && page.rows[0]) void look(page.rows[0].index);
    } catch (error) {
      if (!isAbort(error)) count.textContent = inWords(error);
    }
  }
  function line(row) {
    const cells = columns.map((column) => {
      if (column.name !== "name") return h("td", { class: column.numeric ? "num" : "" }, column.cell(row));
      const press = button(row.name, () => void look(row.index), { "data-index": String(row.index) });
      if (row.index === chosen2) press.setAttribute("aria-current", "true");
      return h("th", { scope: "row" }, press);
    });
    return h("tr", { class: row.index === chosen2 ? "chosen" : "" }, ...cells, ...more.map((_, i) => h("td", {}, row.more[i] || "–")));
  }
  function turn(pages) {
    offset = Math.max(0, offset + pages * PAGE);
    void update();
  }
  async function look(index) {
    chosen2 = index;
    for (const press of body.querySelectorAll("th button")) {
      const own = press.dataset["index"] === String(index);
      press.closest("tr").classList.toggle("chosen", own);
      if (own) press.setAttribute("aria-current", "true");
      else press.removeAttribute("aria-current");
    }
    looking.abort();
    looking = new AbortController();
    try {
      const { candidate, charts } = await get(`candidates/${index}`, looking.signal);
      const facts = [
        candidate.formula ? candidate.name : null,
        candidate.probability === null ? null : `probability of being superionic ${two(candidate.probability)}${candidate.interval ? ` (${two(candidate.interval[0])} to ${two(candidate.interval[1])})` : ""}`,
        candidate.votes === null ? null : `votes ${candidate.votes}`,
        candidate.strangeness === null ? null : `strangeness ${two(candidate.strangeness)}`
      ].filter(Boolean);
      detail.replaceChildren(h("h3", {}, candidate.formula ?? candidate.name), h("p", { class: "note" }, facts.join(" · ")));
      const [first] = charts;
      if (!first) detail.append(h("p", { class: "note" }, "Its pattern is not at hand."));
      else if (first.id.startsWith("neighbour-")) detail.append(neighbours(candidate.nearest, charts));
      else detail.append(...charts.map((chart) => figure(chart).element));
    } catch (error) {
      if (!isAbort(error)) detail.replaceChildren(h("p", { role: "alert" }, inWords(error)));
    }
  }
  for (const field of [search, least, odd]) {
    field.addEventListener("input", () => {
      clearTimeout(wait);
      wait = window.setTimeout(() => {
        offset = 0;
        void update();
      }, 200);
    });
  }
  heads();
  void update();
  return () => {
    under.abort();
    looking.abort();
  };
}
const chip = (state) => state ? h("span", { class: `chip ${state}` }, state) : h("span", { class: "chip warn" }, "not readable");
const when = (time) => time === null ? "–" : time.slice(0, 16).replace("T", " ");
function runs(section) {
  const under = new AbortController(), place = h("div", {}, h("p", { class: "status busy", role: "status" }, "Looking…"));
  section.append(place);
  void get("runs", under.signal).then(({ runs: runs2 }) => {
    if (!runs2.length) return place.replaceChildren(h("p", {}, "There are no runs yet. ", h("code", {}, "xrdmatch train --demo"), " makes one."));
    const columns = [
      { name: "run", value: (r) => r.id, cell: (r) => link(r.id, `#/runs/${encodeURIComponent(r.id)}`) },
      { name: "state", value: (r) => r.state, cell: (r) => chip(r.state) },
      { name: "experiments", numeric: true, value: (r) => r.complete, cell: (r) => r.incomplete ? `${r.complete} + ${r.incomplete} not complete` : whole(r.complete) },
      { name: "algorithm", value: (r) => r.algorithm, cell: (r) => r.algorithm ?? "–" },
      { name: "macro-F1", numeric: true, value: (r) => r.macro_f1?.mean ?? null, cell: (r) => spread(r.macro_f1) },
      { name: "AUC", numeric: true, value: (r) => r.auc?.mean ?? null, cell: (r) => spread(r.auc) },
      { name: "begun", value: (r) => r.created, cell: (r) => when(r.created) }
    ];
    const head = h("tr"), body = h("tbody");
    let order = { column: 6, rising: false };
    const fill = () => {
      const { column, rising } = order, value = columns[column].value;
      [...head.cells].forEach((cell, number) => {
        if (number === column) cell.setAttribute("aria-sort", rising ? "ascending" : "descending");
        else cell.removeAttribute("aria-sort");
      });
      body.replaceChildren(...runs2.toSorted((a, b) => compare(value(a), value(b), rising)).map((run) => h("tr", {}, ...columns.map((one, number) => number ? h("td", { class: one.numeric ? "num" : "" }, one.cell(run)) : h("th", { scope: "row" }, one.cell(run))))));
    };
    columns.forEach((column, number) => head.append(h("th", { scope: "col", class: column.numeric ? "num" : "" }, button(column.name, () => {
      order = { column: number, rising: order.column === number ? !order.rising : !column.numeric };
      fill();
    }))));
    fill();
    const problems = runs2.filter((run) => run.problem).map((run) => h("li", {}, `${run.id}: ${run.problem}`));
    place.replaceChildren(
      scrolling("Runs", h("table", {}, h("thead", {}, head), body)),
      h("p", { class: "note" }, "Mean ± standard deviation over experiments, final models on their evaluation rows."),
      ...problems.length ? [h("aside", { class: "warnings", "aria-label": "Cautions" }, h("ul", {}, ...problems))] : []
    );
  }).catch((error) => {
    if (!isAbort(error)) place.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  });
  return () => under.abort();
}
const spread = (found) => found === null ? "–" : found.count > 1 ? `${two(found.mean)} ± ${two(found.sd)}` : two(found.mean);
function oneRun(section, id) {
  const under = new AbortController(), { signal } = under, base = `runs/${encodeURIComponent(id)}`;
  const state = h("p", { role: "status" }), happening = h("p", { class: "happening" });
  const result = h("div"), training = h("div"), ranking = h("div");
  section.append(
    h("p", { class: "crumbs" }, link("All runs", "#/runs")),
    state,
    happening,
    result,
    h("h2", {}, "Training"),
    training,
    ranking
  );
  const fail = (place) => (error) => {
    if (!isAbort(error)) place.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  };
  const figures = /* @__PURE__ */ new Map();
  const places = h("div", { class: "figures" }), table = h("div");
  training.append(places, table);
  async function refreshTraining() {
    const view = await get(`${base}/training`, signal);
    for (const chart of view.charts) {
      const known = figures.get(chart.id);
      if (known) known.update(chart);
      else {
        const made2 = figure(chart, false);
        figures.set(chart.id, made2);
        places.append(made2.element);
      }
    }
    if (!view.charts.length) places.replaceChildren(h("p", { class: "note" }, "No epoch is complete yet."));
    else places.querySelector(":scope > .note")?.remove();
    table.replaceChildren(experiments(view));
  }
  async function refreshState() {
    const run = await get(base, signal);
    const done = `${counted(run.complete, "experiment")} complete${run.incomplete ? `, ${whole(run.incomplete)} not` : ""}`;
    state.replaceChildren(chip(run.state), ` ${done} · ${run.algorithm ?? "unknown algorithm"} · begun ${when(run.created)}`);
  }
  async function refreshResult() {
    const view = await get(`${base}/view`, signal);
    result.replaceChildren(
      h("div", { class: "headlines" }, ...view.headlines.map(card)),
      ...view.warnings.length ? [h("aside", { class: "warnings", "aria-label": "Cautions" }, h("h3", {}, "Before you believe it"), h("ul", {}, ...view.warnings.map((text) => h("li", {}, text))))] : [],
      h("div", { class: "prose" }, ...view.sentences.map((text) => h("p", {}, text)))
    );
    const charts = [...view.ranking?.charts ?? [], ...view.compounds?.chart ? [view.compounds.chart] : []];
    ranking.replaceChildren(...charts.length ? [h("h2", {}, "How well it ranks compounds it has not seen"), h("div", { class: "figures" }, ...charts.map((chart) => figure(chart, false).element))] : []);
  }
  void refreshState().catch(fail(state));
  void refreshTraining().catch(fail(training));
  void refreshResult().catch(fail(result));
  let due = 0;
  const soon = (work) => {
    if (due) return;
    due = window.setTimeout(() => {
      due = 0;
      work().catch(() => void 0);
    }, 1e3);
  };
  const events = new EventSource(`/api/v1/${base}/events?from=now`);
  const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("epoch", (told) => {
    const f1 = told.evaluation?.macro_average?.f1;
    happening.textContent = `experiment ${told.experiment}, epoch ${told.epoch + 1}: labelled loss ${two(told.means.supervised_loss)}${f1 === void 0 ? "" : `, macro-F1 ${two(f1)}`}`;
    soon(refreshTraining);
  });
  on("restarted", () => soon(refreshTraining));
  on("state", () => void refreshState().catch(() => void 0));
  on("finished", (told) => {
    happening.textContent = `experiment ${told.experiment} is complete`;
    window.setTimeout(() => void Promise.all([refreshState(), refreshTraining(), refreshResult()]).catch(() => void 0), 1500);
  });
  on("damaged", (told) => {
    happening.textContent = `experiment ${told.experiment}: ${told.message}`;
  });
  return () => {
    events.close();
    clearTimeout(due);
    under.abort();
  };
}
function card(headline) {
  const [low, high] = headline.interval ?? [null, null];
  return h(
    "div",
    { class: headline.optimistic ? "card optimistic" : "card" },
    h("h3", {}, headline.name),
    h("p", { class: "value" }, two(headline.value)),
    headline.optimistic && h("p", { class: "tag" }, "optimistic"),
    low !== null && h("p", { class: "ends" }, `95 % interval ${two(low)} to ${two(high)}`),
    low !== null && bar(headline.value, low, high),
    headline.reference !== null && h("p", { class: "reference" }, `${headline.reference_name}: ${two(headline.reference)}`),
    h("p", { class: "note" }, headline.note)
  );
}
function experiments({ experiments: experiments2 }) {
  const heads = [["experiment", true], ["state", false], ["macro-F1", true], ["AUC", true], ["accuracy", true], ["held-out macro-F1", true], ["best epoch", true], ["time / s", true]];
  const rows = experiments2.map((one) => h(
    "tr",
    {},
    h("th", { scope: "row", class: "num" }, String(one.experiment)),
    h("td", {}, one.state),
    ...[one.macro_f1, one.auc, one.accuracy, one.held_out_macro_f1].map((value) => h("td", { class: "num" }, two(value))),
    h("td", { class: "num" }, one.best_macro_f1 === null ? "–" : `${two(one.best_macro_f1)} at ${one.best_epoch}`),
    h("td", { class: "num" }, one.seconds === null ? "–" : one.seconds.toFixed(1))
  ));
  return h("details", {}, h("summary", {}, `Table of ${counted(experiments2.length, "experiment")}`), scrolling("Experiments", h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...heads.map(([name, numeric]) => h("th", { scope: "col", class: numeric ? "num" : "" }, name)))),
    h("tbody", {}, ...rows)
  )));
}
const main = document.getElementById("main"), title = document.getElementById("title"), made = document.getElementById("made");
const themes = ["automatic", "light", "dark"], theme = document.getElementById("theme");
let current = 0;
theme.addEventListener("click", () => {
  current = (current + 1) % themes.length;
  const name = themes[current];
  if (current) document.documentElement.dataset["theme"] = name;
  else delete document.documentElement.dataset["theme"];
  theme.textContent = `Theme: ${name}`;
});
function chosen() {
  const [, name, id] = location.hash.split("/");
  if (name === "candidates") return { name, heading: "Candidates", view: candidates };
  if (name === "runs" && id) {
    const run = decodeURIComponent(id);
    return { name, heading: run, view: (section) => oneRun(section, run) };
  }
  if (name === "runs") return { name, heading: "Runs", view: runs };
  return { name: "analyse", heading: "What do the models say of a pattern?", view: analyse };
}
let end;
const kept = /* @__PURE__ */ new Map();
function show(about, focus) {
  const { name, heading, view } = chosen();
  end?.();
  end = void 0;
  title.textContent = heading;
  document.title = `${heading} · XRDMatch`;
  for (const one of document.querySelectorAll("nav a")) {
    if (one.hash === `#/${name}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  const before = kept.get(name);
  if (name === "analyse" && before) {
    main.replaceChildren(before);
  } else {
    const section = h("section", { "aria-labelledby": "title" });
    main.replaceChildren(section);
    end = view(section, about);
    kept.set(name, section);
  }
  if (focus) {
    window.scrollTo(0, 0);
    main.focus();
  }
}
async function begin() {
  try {
    const about = await get("about");
    made.textContent = `version ${about.version}${about.run ? ` · models of ${about.run}` : ""}`;
    show(about, false);
    window.addEventListener("hashchange", () => {
      if (location.hash === "" || location.hash.startsWith("#/")) show(about, true);
    });
  } catch (error) {
    main.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  }
}
void begin();
