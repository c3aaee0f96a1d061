// Elements in a few words, and numbers as people read them.

type Child = Node | string | null | false | undefined;

/** An element with a class, attributes and children. Text is text, never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Record<string, string | boolean | undefined> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  const kept = children.filter((child): child is Node | string => child !== null && child !== false && child !== undefined);
  // A number and its percent sign stay on one line.
  made.append(...kept.map((child) => (typeof child === "string" ? child.replaceAll(" %", "\u00a0%") : child)));
  return made;
}

export function button(text: string, action: () => void, attributes: Record<string, string> = {}): HTMLButtonElement {
  const made = h("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", action);
  return made;
}

export function link(text: string, href: string, attributes: Record<string, string | boolean> = {}): HTMLAnchorElement {
  return h("a", { href, ...attributes }, text);
}

/** "0.84", or a dash. */
export const two = (value: number | null | undefined) =>
  (value === null || value === undefined ? "–" : value.toFixed(2).replace("-", "−"));

/** "+0.84", "−0.10", and "0.00" of what is as good as none. */
export const signed = (value: number) => {
  const text = Math.abs(value).toFixed(2);
  return text === "0.00" ? text : (value > 0 ? "+" : "−") + text;
};

export const sigma = (value: number | null) => (value === null ? "" : `${Chart.scientific(value)} S/cm`);

export const whole = (count: number) => count.toLocaleString("en");

export const counted = (count: number, what: string) => `${whole(count)} ${what}${count === 1 ? "" : "s"}`;

export function className(label: number | null): string {
  return label === null ? "" : label === 0 ? "superionic" : "not superionic";
}

/** A table that scrolls by itself, and can be reached to do so. */
export function scrolling(label: string, table: HTMLTableElement): HTMLDivElement {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/** A chart with its title and its words. */
export function figure(chart: ChartData, tall = true): { element: HTMLElement; update(chart: ChartData): void } {
  const place = h("div"), caption = h("figcaption", {}, chart.caption);
  const element = h("figure", { class: "chart live-on", "data-chart": chart.id }, h("h4", {}, chart.title), place, caption);
  let mounted: Mounted | null = null, latest = chart;
  // A chart takes the width that it finds, so it is drawn once it stands in the page.
  requestAnimationFrame(() => { mounted = Figure.mount(place, latest, null, tall); });
  return {
    element,
    update(next) {
      latest = next;
      caption.textContent = next.caption;
      mounted?.update(next);
    },
  };
}

const SVG = "http://www.w3.org/2000/svg";

/** An interval drawn on the way from 0 to 1. */
export function bar(value: number, low: number | null, high: number | null): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 200 20");
  svg.setAttribute("class", "bar");
  svg.setAttribute("aria-hidden", "true");
  const at = (x: number) => 2 + 196 * Math.min(1, Math.max(0, x));
  const draw = (name: string, attributes: Record<string, string>) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
    svg.append(made);
  };
  draw("path", { class: "way", d: "M2 10h196" });
  if (low !== null && high !== null) draw("path", { class: "interval", d: `M${at(low)} 10H${at(high)}` });
  draw("circle", { cx: String(at(value)), cy: "10", r: "5" });
  return svg;
}

/** A table whose heads sort it. */
export interface Column<T> {
  name: string;
  numeric?: boolean;
  value(row: T): string | number | null;
  cell(row: T): Node | string;
  /** Whether this cell names its row. */
  head?: boolean;
}

/** Compares values, those that are none last in either order. */
export function compare(a: string | number | null, b: string | number | null, rising: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return rising ? order : -order;
}
