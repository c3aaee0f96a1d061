// Runs, and one of them: how its training goes, live, and what it came to.
import { type Headline, type Listed, type RunView, type TrainingView, get, inWords, isAbort } from "./api.ts";
import { bar, button, compare, counted, figure, h, link, scrolling, two, whole } from "./dom.ts";

const chip = (state: Listed["state"]) => (state ? h("span", { class: `chip ${state}` }, state) : h("span", { class: "chip warn" }, "not readable"));

const when = (time: string | null) => (time === null ? "–" : time.slice(0, 16).replace("T", " "));

export function runs(section: HTMLElement): () => void {
  const under = new AbortController(), place = h("div", {}, h("p", { class: "status busy", role: "status" }, "Looking…"));
  section.append(place);
  void get<{ runs: Listed[] }>("runs", under.signal).then(({ runs }) => {
    if (!runs.length) return place.replaceChildren(h("p", {}, "There are no runs yet. ", h("code", {}, "xrdmatch train --demo"), " makes one."));
    const columns: { name: string; numeric?: boolean; value(run: Listed): string | number | null; cell(run: Listed): Node | string }[] = [
      { name: "run", value: (r) => r.id, cell: (r) => link(r.id, `#/runs/${encodeURIComponent(r.id)}`) },
      { name: "state", value: (r) => r.state, cell: (r) => chip(r.state) },
      { name: "experiments", numeric: true, value: (r) => r.complete, cell: (r) => (r.incomplete ? `${r.complete} + ${r.incomplete} not complete` : whole(r.complete)) },
      { name: "algorithm", value: (r) => r.algorithm, cell: (r) => r.algorithm ?? "–" },
      { name: "macro-F1", numeric: true, value: (r) => r.macro_f1?.mean ?? null, cell: (r) => spread(r.macro_f1) },
      { name: "AUC", numeric: true, value: (r) => r.auc?.mean ?? null, cell: (r) => spread(r.auc) },
      { name: "begun", value: (r) => r.created, cell: (r) => when(r.created) },
    ];
    const head = h("tr"), body = h("tbody");
    let order = { column: 6, rising: false };
    const fill = () => {
      const { column, rising } = order, value = columns[column]!.value;
      [...head.cells].forEach((cell, number) => {
        if (number === column) cell.setAttribute("aria-sort", rising ? "ascending" : "descending");
        else cell.removeAttribute("aria-sort");
      });
      body.replaceChildren(...runs.toSorted((a, b) => compare(value(a), value(b), rising)).map((run) => h("tr", {}, ...columns.map((one, number) =>
        (number ? h("td", { class: one.numeric ? "num" : "" }, one.cell(run)) : h("th", { scope: "row" }, one.cell(run)))))));
    };
    columns.forEach((column, number) => head.append(h("th", { scope: "col", class: column.numeric ? "num" : "" }, button(column.name, () => {
      order = { column: number, rising: order.column === number ? !order.rising : !column.numeric };
      fill();
    }))));
    fill();
    const problems = runs.filter((run) => run.problem).map((run) => h("li", {}, `${run.id}: ${run.problem}`));
    place.replaceChildren(scrolling("Runs", h("table", {}, h("thead", {}, head), body)),
      h("p", { class: "note" }, "Mean ± standard deviation over experiments, final models on their evaluation rows."),
      ...(problems.length ? [h("aside", { class: "warnings", "aria-label": "Cautions" }, h("ul", {}, ...problems))] : []));
  }).catch((error) => {
    if (!isAbort(error)) place.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  });
  return () => under.abort();
}

const spread = (found: Listed["auc"]) => (found === null ? "–" : found.count > 1 ? `${two(found.mean)} ± ${two(found.sd)}` : two(found.mean));

export function oneRun(section: HTMLElement, id: string): () => void {
  const under = new AbortController(), { signal } = under, base = `runs/${encodeURIComponent(id)}`;
  const state = h("p", { role: "status" }), happening = h("p", { class: "happening" });
  const result = h("div"), training = h("div"), ranking = h("div");
  section.append(h("p", { class: "crumbs" }, link("All runs", "#/runs")), state, happening, result,
    h("h2", {}, "Training"), training, ranking);
  const fail = (place: HTMLElement) => (error: unknown) => {
    if (!isAbort(error)) place.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  };

  const figures = new Map<string, ReturnType<typeof figure>>();
  const places = h("div", { class: "figures" }), table = h("div");
  training.append(places, table);
  async function refreshTraining() {
    const view = await get<TrainingView>(`${base}/training`, signal);
    for (const chart of view.charts) {
      const known = figures.get(chart.id);
      if (known) known.update(chart);
      else {
        const made = figure(chart, false);
        figures.set(chart.id, made);
        places.append(made.element);
      }
    }
    if (!view.charts.length) places.replaceChildren(h("p", { class: "note" }, "No epoch is complete yet."));
    else places.querySelector(":scope > .note")?.remove();
    table.replaceChildren(experiments(view));
  }

  async function refreshState() {
    const run = await get<Listed>(base, signal);
    const done = `${counted(run.complete, "experiment")} complete${run.incomplete ? `, ${whole(run.incomplete)} not` : ""}`;
    state.replaceChildren(chip(run.state), ` ${done} · ${run.algorithm ?? "unknown algorithm"} · begun ${when(run.created)}`);
  }

  async function refreshResult() {
    const view = await get<RunView>(`${base}/view`, signal);
    result.replaceChildren(
      h("div", { class: "headlines" }, ...view.headlines.map(card)),
      ...(view.warnings.length ? [h("aside", { class: "warnings", "aria-label": "Cautions" }, h("h3", {}, "Before you believe it"), h("ul", {}, ...view.warnings.map((text) => h("li", {}, text))))] : []),
      h("div", { class: "prose" }, ...view.sentences.map((text) => h("p", {}, text))));
    const charts = [...view.ranking?.charts ?? [], ...(view.compounds?.chart ? [view.compounds.chart] : [])];
    ranking.replaceChildren(...(charts.length ? [h("h2", {}, "How well it ranks compounds it has not seen"), h("div", { class: "figures" }, ...charts.map((chart) => figure(chart, false).element))] : []));
  }

  void refreshState().catch(fail(state));
  void refreshTraining().catch(fail(training));
  void refreshResult().catch(fail(result));

  // What happens is told by the server; what it comes to is asked for again, once a second at most.
  let due = 0;
  const soon = (work: () => Promise<unknown>) => {
    if (due) return;
    due = window.setTimeout(() => {
      due = 0;
      work().catch(() => undefined);
    }, 1000);
  };
  const events = new EventSource(`/api/v1/${base}/events?from=now`);
  const on = (name: string, act: (told: Record<string, never>) => void) =>
    events.addEventListener(name, (event) => act(JSON.parse((event as MessageEvent<string>).data)));
  on("epoch", (told: any) => {
    const f1 = told.evaluation?.macro_average?.f1;
    happening.textContent = `experiment ${told.experiment}, epoch ${told.epoch + 1}: labelled loss ${two(told.means.supervised_loss)}${f1 === undefined ? "" : `, macro-F1 ${two(f1)}`}`;
    soon(refreshTraining);
  });
  on("restarted", () => soon(refreshTraining));
  on("state", () => void refreshState().catch(() => undefined));
  on("finished", (told: any) => {
    happening.textContent = `experiment ${told.experiment} is complete`;
    // Its result is written after its last event.
    window.setTimeout(() => void Promise.all([refreshState(), refreshTraining(), refreshResult()]).catch(() => undefined), 1500);
  });
  on("damaged", (told: any) => { happening.textContent = `experiment ${told.experiment}: ${told.message}`; });

  return () => {
    events.close();
    clearTimeout(due);
    under.abort();
  };
}

function card(headline: Headline): HTMLElement {
  const [low, high] = headline.interval ?? [null, null];
  return h("div", { class: headline.optimistic ? "card optimistic" : "card" },
    h("h3", {}, headline.name), h("p", { class: "value" }, two(headline.value)),
    headline.optimistic && h("p", { class: "tag" }, "optimistic"),
    low !== null && h("p", { class: "ends" }, `95 % interval ${two(low)} to ${two(high)}`), low !== null && bar(headline.value, low, high),
    headline.reference !== null && h("p", { class: "reference" }, `${headline.reference_name}: ${two(headline.reference)}`),
    h("p", { class: "note" }, headline.note));
}

function experiments({ experiments }: TrainingView): HTMLElement {
  const heads = [["experiment", true], ["state", false], ["macro-F1", true], ["AUC", true], ["accuracy", true], ["held-out macro-F1", true], ["best epoch", true], ["time / s", true]] as const;
  const rows = experiments.map((one) => h("tr", {},
    h("th", { scope: "row", class: "num" }, String(one.experiment)), h("td", {}, one.state),
    ...[one.macro_f1, one.auc, one.accuracy, one.held_out_macro_f1].map((value) => h("td", { class: "num" }, two(value))),
    h("td", { class: "num" }, one.best_macro_f1 === null ? "–" : `${two(one.best_macro_f1)} at ${one.best_epoch}`),
    h("td", { class: "num" }, one.seconds === null ? "–" : one.seconds.toFixed(1))));
  return h("details", {}, h("summary", {}, `Table of ${counted(experiments.length, "experiment")}`), scrolling("Experiments", h("table", {},
    h("thead", {}, h("tr", {}, ...heads.map(([name, numeric]) => h("th", { scope: "col", class: numeric ? "num" : "" }, name)))), h("tbody", {}, ...rows))));
}
