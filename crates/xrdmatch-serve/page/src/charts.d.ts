// What /charts.js defines: the scripts that draw the report's charts.

interface Axis {
  label: string;
  unit?: string;
  scale: "linear" | "log" | "mirrored";
  range: [number, number];
}

interface ChartData {
  id: string;
  title: string;
  caption: string;
  x: Axis;
  y: Axis;
  series: unknown[];
}

interface Mounted {
  redraw(): void;
  /** Takes newer numbers of the same chart. */
  update(chart: ChartData): void;
}

declare const Chart: {
  /** A number of two digits, as `7.2·10⁻⁵`. */
  scientific(value: number): string;
};

declare const Figure: {
  mount(host: HTMLElement, chart: ChartData, original: (() => string) | null, tall: boolean): Mounted;
};
