// Candidates, chosen and ordered by the server, a page at a time.
import { type About, type Candidate, type CandidateDetail, type CandidatePage, get, inWords, isAbort } from "./api.ts";
import { bar, button, figure, h, link, scrolling, two, whole } from "./dom.ts";
import { neighbours } from "./pattern.ts";

const PAGE = 50;

export function candidates(section: HTMLElement, about: About): (() => void) | void {
  if (!about.candidates) {
    section.append(h("p", {}, "No candidates were given. Rank patterns, and start the server with the table:"),
      h("p", {}, h("code", {}, "xrdmatch screen RUN --data FILE -o ranked.csv")),
      h("p", {}, h("code", {}, "xrdmatch serve RUN --candidates ranked.csv")));
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
    count, notes,
    h("div", { class: "split" }, h("div", {}, scroll, h("div", { class: "pages" }, before, where, after, save)), detail));

  const columns: { name: string; sort?: string; numeric?: boolean; cell(row: Candidate): Node | string }[] = [
    { name: "rank", sort: "rank", numeric: true, cell: (r) => whole(r.rank) },
    { name: "name", sort: "name", cell: (r) => r.name },
    { name: "formula", sort: "formula", cell: (r) => r.formula ?? "–" },
    { name: "probability", sort: "probability", numeric: true, cell: (r) => two(r.probability) },
    { name: "interval", sort: "interval", cell: (r) => (r.interval && r.probability !== null ? h("span", {}, `${two(r.interval[0])} to ${two(r.interval[1])}`, bar(r.probability, r.interval[0], r.interval[1])) : "–") },
    { name: "votes", sort: "votes", numeric: true, cell: (r) => r.votes ?? "–" },
    { name: "strangeness", sort: "strangeness", numeric: true, cell: (r) => two(r.strangeness) },
    { name: "nearest labelled", sort: "nearest", cell: (r) => { const near = r.nearest[0]; return near ? `${near.name} (${two(near.cosine)})` : "–"; } },
  ];
  let order = { sort: "rank", descending: false }, offset = 0, matched = 0, chosen = -1, more: string[] = [];
  let under = new AbortController(), looking = new AbortController(), wait = 0;

  function query(): URLSearchParams {
    const asked = new URLSearchParams({ search: search.value, sort: order.sort, descending: String(order.descending) });
    if (least.value !== "") asked.set("min_probability", least.value);
    if (odd.value !== "") asked.set("max_strangeness", odd.value);
    return asked;
  }

  function heads() {
    head.replaceChildren(...columns.map((column) => {
      const cell = h("th", { scope: "col", class: column.numeric ? "num" : "" }, button(column.name, () => {
        const same = order.sort === column.sort;
        order = { sort: column.sort!, descending: same ? !order.descending : Boolean(column.numeric) && column.name !== "rank" };
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
      const page = await get<CandidatePage>(`candidates?${asked}`, under.signal);
      const held = keepFocus ? [...head.querySelectorAll("button")].findIndex((made) => made === document.activeElement) : -1;
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
      if (chosen < 0 && page.rows[0]) void look(page.rows[0].index);
    } catch (error) {
      if (!isAbort(error)) count.textContent = inWords(error);
    }
  }

  function line(row: Candidate): HTMLElement {
    const cells = columns.map((column) => {
      if (column.name !== "name") return h("td", { class: column.numeric ? "num" : "" }, column.cell(row));
      const press = button(row.name, () => void look(row.index), { "data-index": String(row.index) });
      if (row.index === chosen) press.setAttribute("aria-current", "true");
      return h("th", { scope: "row" }, press);
    });
    return h("tr", { class: row.index === chosen ? "chosen" : "" }, ...cells, ...more.map((_, i) => h("td", {}, row.more[i] || "–")));
  }

  function turn(pages: number) {
    offset = Math.max(0, offset + pages * PAGE);
    void update();
  }

  async function look(index: number) {
    chosen = index;
    for (const press of body.querySelectorAll<HTMLElement>("th button")) {
      const own = press.dataset["index"] === String(index);
      press.closest("tr")!.classList.toggle("chosen", own);
      if (own) press.setAttribute("aria-current", "true");
      else press.removeAttribute("aria-current");
    }
    looking.abort();
    looking = new AbortController();
    try {
      const { candidate, charts } = await get<CandidateDetail>(`candidates/${index}`, looking.signal);
      const facts = [candidate.formula ? candidate.name : null,
        candidate.probability === null ? null : `probability of being superionic ${two(candidate.probability)}${candidate.interval ? ` (${two(candidate.interval[0])} to ${two(candidate.interval[1])})` : ""}`,
        candidate.votes === null ? null : `votes ${candidate.votes}`, candidate.strangeness === null ? null : `strangeness ${two(candidate.strangeness)}`].filter(Boolean);
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
      wait = window.setTimeout(() => { offset = 0; void update(); }, 200);
    });
  }
  heads();
  void update();
  return () => {
    under.abort();
    looking.abort();
  };
}
