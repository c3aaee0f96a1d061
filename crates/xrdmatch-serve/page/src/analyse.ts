// Files dropped or chosen, and what the models say of them.
import { type About, type Analysed, type Analysis, type Listed, type Refused, get, inWords, isAbort, send } from "./api.ts";
import { bar, button, type Column, compare, counted, h, link, scrolling, two, whole } from "./dom.ts";
import { patternDetail } from "./pattern.ts";

export function analyse(section: HTMLElement, about: About): void {
  const chooser = h("select", { id: "run" });
  const wavelength = h("input", { type: "text", id: "wavelength", placeholder: "CuKa", spellcheck: "false" });
  const files = h("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const choose = button("Choose files", () => files.click(), { class: "primary" });
  const drop = h("div", { class: "drop" },
    h("p", { class: "big" }, "Drop patterns here"), choose, files,
    h("p", { class: "note" }, "Structures (CIF, POSCAR, lines of JSON), scans (.xy .xye .dat .chi .xrdml .brml .raw .uxd .ras .rasx, GSAS, powder CIF) and tables (.csv, .csv.gz, .csv.zst, .parquet), as many as you like."));
  const status = h("p", { class: "status", role: "status" });
  const refused = h("div"), results = h("div");
  const controls = h("div", { class: "controls" },
    h("label", {}, "Models of", chooser), h("label", {}, "Wavelength of scans that state none", wavelength));
  section.append(controls, drop, status, refused, results);

  void get<{ runs: Listed[] }>("runs").then(({ runs }) => {
    for (const run of runs.filter((run) => run.complete > 0)) {
      chooser.append(h("option", { value: run.id, selected: run.id === about.run }, `${run.id} (${counted(run.complete, "model")})`));
    }
    if (!chooser.options.length) {
      chooser.append(h("option", { value: "" }, "no finished experiment"));
      say("No run has a finished experiment yet; train one, and come back.");
      chooser.disabled = true;
    }
  }).catch((error) => say(inWords(error)));

  let under: AbortController | null = null;
  function say(text: string, busy = false) {
    status.textContent = text;
    status.classList.toggle("busy", busy);
  }

  async function take(given: File[]) {
    if (!given.length) return;
    under?.abort();
    under = new AbortController();
    const own = under;
    const bytes = given.reduce((sum, file) => sum + file.size, 0);
    const large = given.filter((file) => file.size > about.file_bytes);
    if (given.length > about.files || bytes > about.body_bytes || large.length) {
      const why = large[0] ? `${large[0].name} is larger than ${megabytes(about.file_bytes)}`
        : given.length > about.files ? `${whole(given.length)} files at once; the most is ${about.files}`
        : `the files together are larger than ${megabytes(about.body_bytes)}`;
      say(`${why}. For many patterns use “xrdmatch screen”.`);
      return;
    }
    say(`Reading and judging ${given.length === 1 ? given[0]!.name : counted(given.length, "file")}; the first time the models are opened, which takes seconds, with large networks a minute.`, true);
    try {
      const analysis = await send(given, chooser.value, wavelength.value.trim(), own.signal);
      if (own.signal.aborted) return;
      show(analysis);
    } catch (error) {
      if (!isAbort(error)) say(inWords(error));
    } finally {
      files.value = "";
    }
  }

  function show(analysis: Analysis) {
    const { patterns } = analysis;
    say(patterns.length
      ? `${counted(patterns.length, "pattern")} judged by ${counted(analysis.members, "model")} of ${analysis.run}.`
      : "No pattern could be read.");
    refused.replaceChildren(...(analysis.refused.length ? [refusals(analysis.refused)] : []));
    results.replaceChildren(...(patterns.length ? [resultsOf(analysis)] : []));
  }

  files.addEventListener("change", () => void take([...files.files ?? []]));
  // Anywhere in the view will do.
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

const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;

/** Files that gave nothing, each with its reason. */
function refusals(refused: Refused[]): HTMLElement {
  const items = refused.map(({ file, message }) => {
    const rest = message.startsWith(file) ? message.slice(file.length).replace(/^[:,]?\s*/, "") : message;
    return h("li", {}, h("span", { class: "file" }, file), `: ${rest}`);
  });
  return h("aside", { class: "warnings", role: "alert", "aria-label": "Not read" },
    h("h3", {}, refused.length === 1 ? "One could not be read" : `${whole(refused.length)} could not be read`), h("ul", {}, ...items));
}

function resultsOf(analysis: Analysis): HTMLElement {
  const detail = h("aside", { class: "detail", "aria-label": "The chosen pattern" });
  const rows = analysis.patterns.map((pattern, index) => ({ pattern, index }));
  type Row = (typeof rows)[number];
  const columns: Column<Row>[] = [
    { name: "pattern", head: true, value: (r) => r.pattern.name, cell: (r) => r.pattern.name },
    { name: "formula", value: (r) => r.pattern.formula, cell: (r) => r.pattern.formula ?? "–" },
    { name: "from", value: (r) => r.pattern.kind, cell: (r) => ({ structure: "structure", scan: "scan", table: "table" })[r.pattern.kind] },
    { name: "probability", numeric: true, value: (r) => r.pattern.probability, cell: (r) => two(r.pattern.probability) },
    { name: "interval", value: (r) => r.pattern.lower, cell: (r) => interval(r.pattern) },
    { name: "votes", numeric: true, value: (r) => r.pattern.votes, cell: (r) => `${r.pattern.votes}/${r.pattern.members}` },
    { name: "caution", value: (r) => Number(r.pattern.outlier) * 2 + Number(r.pattern.twin_of !== null), cell: (r) => caution(r.pattern) },
    { name: "nearest labelled", value: (r) => r.pattern.nearest[0]?.cosine ?? null, cell: (r) => { const near = r.pattern.nearest[0]; return near ? `${near.name} (${two(near.cosine)})` : "–"; } },
  ];
  const shown = columns.filter((column) => column.name !== "formula" || rows.some((row) => row.pattern.formula));
  const head = h("tr"), body = h("tbody");
  let order = { column: -1, rising: true }, chosen: Row | null = null, ended: (() => void) | null = null;
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
      const cells = shown.map((column) => {
        if (!column.head) return h("td", { class: column.numeric ? "num" : "" }, column.cell(row));
        const press = button(String(column.cell(row)), () => look(row));
        if (row === chosen) press.setAttribute("aria-current", "true");
        return h("th", { scope: "row" }, press);
      });
      return h("tr", { class: row === chosen ? "chosen" : "" }, ...cells);
    }));
  }

  function look(row: Row) {
    // Pressed by keyboard, the focus stays where it was.
    const held = body.contains(document.activeElement);
    chosen = row;
    fill();
    if (held) body.querySelector<HTMLElement>("[aria-current]")?.focus();
    ended?.();
    ended = patternDetail(detail, analysis, row.index);
  }

  look(rows[0]!);
  const table = h("table", {}, h("thead", {}, head), body);
  const saves = (["csv", "jsonl", "parquet"] as const).map((form) => {
    const name = { csv: "CSV", jsonl: "JSON lines", parquet: "Parquet" }[form];
    return link(name, `/api/v1/analyses/${analysis.id}/table?format=${form}`, { download: true });
  });
  return h("div", { class: "stacked split" },
    h("div", {}, scrolling("Patterns", table), h("p", { class: "downloads" }, "Save these as", ...saves)), detail);
}

export function interval({ probability, lower, upper }: Analysed): Node | string {
  if (probability === null || lower === null || upper === null) return "–";
  return h("span", {}, `${two(lower)} to ${two(upper)}`, bar(probability, lower, upper));
}

function caution(pattern: Analysed): Node | string {
  if (pattern.outlier) return h("span", { class: "chip warn" }, "unlike all seen");
  if (pattern.twin_of !== null) return h("span", { class: "chip" }, "labelled twin");
  return "–";
}
