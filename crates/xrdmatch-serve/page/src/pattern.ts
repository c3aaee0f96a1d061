// A pattern looked at: what is said of it, its charts, its neighbours, and why.
import { type Analysed, type Analysis, type Explanation, type ExplanationDetail, type Neighbour, type PatternDetail, get, inWords, isAbort } from "./api.ts";
import { bar, button, className, counted, figure, h, scrolling, sigma, signed, two } from "./dom.ts";

/** Fills the place with a pattern; gives what ends its requests. */
export function patternDetail(place: HTMLElement, analysis: Analysis, index: number): () => void {
  const pattern = analysis.patterns[index]!, under = new AbortController(), { signal } = under;
  const base = `analyses/${analysis.id}/patterns/${index}`;
  const charts = h("div", { class: "figures" }, h("p", { class: "status busy", role: "status" }, "Drawing…"));
  const why = h("div", {}, h("h4", {}, "Why?"), h("p", { class: "status busy", role: "status" }, "Asking the models which peaks matter…"));
  const beside = h("div"), table = h("div");
  place.replaceChildren(h("h3", {}, pattern.formula && pattern.formula !== pattern.name ? `${pattern.name} · ${pattern.formula}` : pattern.name),
    ...verdict(pattern), charts, h("div", { class: "figures" }, beside, why), table);

  void get<PatternDetail>(base, signal).then((found) => {
    const own = found.charts.filter((chart) => !chart.id.startsWith("neighbour-"));
    const others = found.charts.filter((chart) => chart.id.startsWith("neighbour-"));
    charts.replaceChildren(...own.map((chart) => figure(chart, false).element));
    beside.replaceChildren(...(others.length ? [neighbours(pattern.nearest, others)] : []));
  }).catch((error) => {
    if (!isAbort(error)) charts.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  });

  void get<ExplanationDetail>(`${base}/explanation`, signal).then(({ explanation, charts }) => {
    why.replaceChildren(h("h4", {}, "Why?"), ...reasons(explanation), ...charts.map((chart) => figure(chart, false).element));
    table.replaceChildren(peaks(explanation));
  }).catch((error) => {
    if (!isAbort(error)) why.replaceChildren(h("h4", {}, "Why?"), h("p", { class: "note", role: "status" }, `No explanation: ${inWords(error)}.`));
  });
  return () => under.abort();
}

/** What is said of a pattern, in a number and in words. */
function verdict(pattern: Analysed): HTMLElement[] {
  const made: HTMLElement[] = [];
  if (pattern.probability !== null) {
    const between = pattern.lower === null ? "" : `; with other models of the kind it would lie between ${two(pattern.lower)} and ${two(pattern.upper)} (95 %)`;
    made.push(h("div", { class: "verdict" },
      h("p", { class: "value" }, two(pattern.probability)), bar(pattern.probability, pattern.lower, pattern.upper),
      h("p", { class: "of" }, `Calibrated probability of being superionic${between}. ${pattern.votes} of ${counted(pattern.members, "model")} vote for it.`)));
  } else {
    made.push(h("p", {}, "The models abstain."));
  }
  if (pattern.outlier) {
    made.push(h("div", { class: "warnings", role: "note" }, h("strong", {}, "Unlike all that was seen. "),
      `The models were trained on nothing of this kind (strangeness ${two(pattern.strangeness)}); do not rely on the probability.`));
  }
  if (pattern.twin_of !== null) made.push(h("p", {}, `Nearly the same pattern as the labelled ${pattern.twin_of}.`));
  if (pattern.label !== null) made.push(h("p", {}, `The file calls it ${className(pattern.label)}.`));
  const from = { structure: "simulated from the structure in", scan: "measured, in", table: "a row of" }[pattern.kind];
  made.push(h("ul", { class: "notes" }, h("li", {}, `${from} ${pattern.file}`), ...pattern.notes.map((note) => h("li", {}, note))));
  return made;
}

/** A choice of labelled neighbours, one of which is drawn beside the pattern. */
export function neighbours(nearest: Neighbour[], charts: ChartData[]): HTMLElement {
  const place = h("div"), choice = h("div", { class: "choice" });
  const draw = (number: number) => {
    place.replaceChildren(figure(charts[number]!).element);
    [...choice.children].forEach((made, i) => made.setAttribute("aria-pressed", String(i === number)));
  };
  nearest.slice(0, charts.length).forEach((near, number) => {
    const told = [className(near.label), sigma(near.conductivity)].filter(Boolean).join(", ");
    choice.append(button(`${near.name}${told ? `: ${told}` : ""} (cosine ${two(near.cosine)})`, () => draw(number)));
  });
  draw(0);
  return h("div", {}, h("h4", {}, "Nearest labelled compounds"), choice, place);
}

function reasons({ log_odds, baseline, spread, members, check }: Explanation): HTMLElement[] {
  const made = [h("p", {}, `The models’ log-odds of superionic are ${signed(log_odds)} ± ${spread.toFixed(2)} over ${counted(members, "model")}; of an empty pattern ${signed(baseline)}.`)];
  if (check) {
    const matters = check.p_value <= 0.05;
    const text = `Without the ${check.peaks} named peaks they fall by ${two(check.named)}, without as many drawn at random by ${two(check.random)} (95 % of ${check.draws} draws: ${two(check.random_range[0])} to ${two(check.random_range[1])}).`;
    made.push(h("p", {}, text));
    if (!matters) made.push(h("p", { class: "warnings", role: "note" }, `The named peaks do not matter more than others (p = ${check.p_value.toFixed(3)}): do not rely on this explanation.`));
  } else {
    made.push(h("p", { class: "note" }, "Too few peaks to compare the named ones with others."));
  }
  return made;
}

/** The peaks that matter most, for and against. */
function peaks(explanation: Explanation): HTMLElement {
  const most = explanation.reasons.toSorted((a, b) => Math.abs(b.attribution) - Math.abs(a.attribution)).slice(0, 10);
  const rows = most.map((reason) => h("tr", {},
    h("th", { scope: "row", class: "num" }, `${reason.two_theta.toFixed(2)}`),
    h("td", { class: "num" }, reason.d === null ? "–" : reason.d.toFixed(3)),
    h("td", {}, reason.planes.map((plane) => `(${plane.hkl.join(" ").replaceAll("-", "−")})`).join(" ") || "–"),
    h("td", { class: "num" }, `${signed(reason.attribution)} ± ${reason.spread.toFixed(2)}`),
    h("td", { class: "num" }, signed(reason.occlusion)),
    h("td", { class: "num" }, `${reason.agreeing}/${explanation.members}`)));
  const heads = [["two-theta / °", true], ["d / Å", true], ["hkl", false], ["part of log-odds", true], ["when taken out", true], ["models agree", true]] as const;
  return scrolling("Peaks that matter most", h("table", {},
    h("thead", {}, h("tr", {}, ...heads.map(([name, numeric]) => h("th", { scope: "col", class: numeric ? "num" : "" }, name)))), h("tbody", {}, ...rows)));
}
