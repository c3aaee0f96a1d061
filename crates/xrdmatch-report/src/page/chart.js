// A chart drawn from its data at any width and range, in the manner of chart/svg.rs.
const Chart = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const DASHES = ["none", "7 3", "2 2.5", "9 3 2 3", "4 2", "1 3", "5 4"];
  const LEFT = 56, RIGHT = 12, TOP = 10, BOTTOM = 46;

  /** An SVG element with attributes, in a parent. */
  function node(name, attributes, parent, text) {
    const made = document.createElementNS(NS, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  const isLog = (axis) => axis.scale === "log";
  const on = (axis, value) => (isLog(axis) ? Math.log10(value) : value);
  const off = (axis, value) => (isLog(axis) ? 10 ** value : value);

  /** Where a value lies in a range, from 0 to 1. */
  function place(axis, range, value) {
    const first = on(axis, range[0]), last = on(axis, range[1]);
    return (on(axis, value) - first) / (last - first);
  }

  /** The value at a place. */
  function valueAt(axis, range, share) {
    const first = on(axis, range[0]), last = on(axis, range[1]);
    return off(axis, first + share * (last - first));
  }

  const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const powerOfTen = (power) => "10" + [...String(power)].map((c) => SUPERSCRIPT[c]).join("");

  /** A number of two digits, as `7.2·10⁻⁵`. */
  function scientific(value) {
    const [digits, power] = value.toExponential(1).split("e");
    return `${digits.replace("-", "−")}·${powerOfTen(Number(power))}`;
  }

  /** Round values within a range, about as many as wanted. */
  function ticks(axis, range, wanted) {
    const [first, last] = range;
    if (isLog(axis) && Math.log10(last / first) >= 1.2) {
      const low = Math.ceil(Math.log10(first) - 1e-9), high = Math.floor(Math.log10(last) + 1e-9);
      const every = Math.max(1, Math.ceil((high - low + 1) / wanted));
      const found = [];
      for (let power = low; power <= high; power++) {
        found.push({ value: 10 ** power, text: (power - low) % every ? "" : powerOfTen(power) });
      }
      return found;
    }
    const rough = (last - first) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= 0.999 * rough) || 10 * power;
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let n = Math.ceil(first / step - 1e-3); n * step <= last + 1e-3 * step; n++) {
      const value = Math.abs(n * step) < 1e-9 * step ? 0 : n * step;
      const text = isLog(axis) ? value.toExponential(1)
        : Math.max(Math.abs(first), Math.abs(last)) >= 1e6 && value ? value.toExponential(1).replace("e+", "e")
        : value.toFixed(Math.min(decimals, 12));
      found.push({ value, text: text.replace("-", axis.scale === "mirrored" ? "" : "−") });
    }
    return found;
  }

  /** A marker: its form tells the style without colour. */
  function marker(style, x, y, parent) {
    const s = style % 6, at = (d) => ({ d });
    const c = `s${style} ${s === 1 || s === 3 || s === 5 ? "open" : "filled"}`;
    if (s === 0 || s === 5) return node("circle", { cx: x, cy: y, r: 4.2, class: c }, parent);
    if (s === 1) return node("path", { ...at(`M${x} ${y - 4.8}l4.4 7.6h-8.8z`), class: c }, parent);
    if (s === 2) return node("rect", { x: x - 3.6, y: y - 3.6, width: 7.2, height: 7.2, class: c }, parent);
    if (s === 3) return node("path", { ...at(`M${x} ${y - 5}l5 5l-5 5l-5 -5z`), class: c }, parent);
    return node("path", { ...at(`M${x} ${y + 4.8}l4.4 -7.6h-8.8z`), class: c }, parent);
  }

  /** A sample of a series for its legend. */
  function sample(series) {
    const svg = node("svg", { width: 26, height: 14, viewBox: "0 0 26 14", "aria-hidden": "true", class: `s${series.style}` });
    if (series.shape === "points") marker(series.style, 13, 7, svg);
    else if (series.shape === "band") node("rect", { x: 0, y: 2, width: 26, height: 10, fill: "var(--c)", opacity: .3 }, svg);
    else if (series.shape === "sticks") node("path", { d: "M6 12V3M13 12V6M20 12V1", stroke: "var(--c)", "stroke-width": 1.6 }, svg);
    else node("path", { d: "M0 7H26", stroke: "var(--c)", "stroke-width": 2, "stroke-dasharray": DASHES[series.style] }, svg);
    return svg;
  }

  /** Draws into an emptied SVG element; gives the frame, for finding values under a pointer. */
  function draw(svg, chart, width, height, state) {
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    const { x: xr, y: yr } = state;
    const right = width - RIGHT, top = TOP, bottom = height - BOTTOM;
    const up = ticks(chart.y, yr, Math.max(2, Math.floor((bottom - top) / 36)));
    // Long numbers need more room beside the axis.
    const left = Math.max(LEFT, 32 + 7 * Math.max(...up.map((t) => t.text.length), 0));
    const px = (v) => left + place(chart.x, xr, v) * (right - left);
    const py = (v) => bottom - place(chart.y, yr, v) * (bottom - top);
    const r = (v) => Math.round(v * 10) / 10;
    const across = ticks(chart.x, xr, Math.max(2, Math.floor((right - left) / 52)));
    const grid = node("g", { class: "grid" }, svg);
    for (const t of across) node("path", { d: `M${r(px(t.value))} ${top}V${bottom}` }, grid);
    for (const t of up) node("path", { d: `M${left} ${r(py(t.value))}H${right}` }, grid);
    const marks = node("g", { class: "ticks" }, svg);
    for (const t of across) if (t.text) node("text", { x: r(px(t.value)), y: bottom + 17, "text-anchor": "middle" }, marks, t.text);
    for (const t of up) if (t.text) node("text", { x: left - 7, y: r(py(t.value) + 4), "text-anchor": "end" }, marks, t.text);
    const label = (axis) => (axis.unit ? `${axis.label} / ${axis.unit}` : axis.label);
    node("text", { x: (left + right) / 2, y: height - 8, "text-anchor": "middle" }, svg, label(chart.x));
    node("text", { transform: `translate(12 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, svg, label(chart.y));
    const clip = `clip-${chart.id}`;
    const path = node("clipPath", { id: clip }, svg);
    node("rect", { x: left - 5, y: top - 5, width: Math.max(0, right - left + 10), height: Math.max(0, bottom - top + 10) }, path);
    const body = node("g", { "clip-path": `url(#${clip})` }, svg);
    const points = [];
    chart.series.forEach((series, number) => {
      if (state.hidden.has(series.name || nameOf(chart, series))) return;
      drawSeries(body, series, number, px, py, r, points);
    });
    node("path", { class: "frame", d: `M${left} ${top}V${bottom}H${right}` }, svg);
    return { left, right, top, bottom, px, py, points, body };
  }

  /** The legend's name for a series without one: that of the next with the same style. */
  function nameOf(chart, series) {
    const named = chart.series.find((other) => other.name && other.style === series.style);
    return named ? named.name : "";
  }

  function polyline(x, y, px, py, r, steps) {
    let d = "", down = false;
    for (let i = 0; i < x.length; i++) {
      const v = y[i], at = v === null ? NaN : py(v), along = px(x[i]);
      if (!Number.isFinite(at) || !Number.isFinite(along)) { down = false; continue; }
      d += !down ? `M${r(along)} ${r(at)}` : steps ? `H${r(along)}V${r(at)}` : `L${r(along)} ${r(at)}`;
      down = true;
    }
    return d;
  }

  function drawSeries(body, s, number, px, py, r, points) {
    const c = `s${s.style}`;
    if (s.shape === "line") {
      node("path", { class: `line ${c}`, d: polyline(s.x, s.y, px, py, r, s.steps), "stroke-dasharray": DASHES[s.style] }, body);
    } else if (s.shape === "strands") {
      for (const line of s.lines) node("path", { class: `strand ${c}`, d: polyline(s.x, line, px, py, r) }, body);
    } else if (s.shape === "band") {
      let start = 0;
      for (let i = 0; i <= s.x.length; i++) {
        if (i < s.x.length && s.low[i] !== null) continue;
        if (i - start > 1) {
          let d = "";
          for (let k = start; k < i; k++) d += `${k === start ? "M" : "L"}${r(px(s.x[k]))} ${r(py(s.low[k]))}`;
          for (let k = i - 1; k >= start; k--) d += `L${r(px(s.x[k]))} ${r(py(s.high[k]))}`;
          node("path", { class: `band ${c}`, d: d + "Z" }, body);
        }
        start = i + 1;
      }
    } else if (s.shape === "points") {
      s.x.forEach((x, i) => {
        const a = px(x), b = py(s.y[i]);
        if (!Number.isFinite(a) || !Number.isFinite(b)) return;
        if (s.low && s.low.length) node("path", { class: `whisker ${c}`, d: `M${r(a)} ${r(py(s.low[i]))}V${r(py(s.high[i]))}` }, body);
        marker(s.style, r(a), r(b), body);
        points.push({ x: a, y: b, series: s, index: i });
      });
    } else if (s.shape === "sticks") {
      const zero = r(py(0));
      let d = "";
      s.x.forEach((x, i) => { d += `M${r(px(x))} ${zero}V${r(py(s.y[i]))}`; });
      node("path", { class: `stick ${c}`, d }, body);
    }
  }

  /** A number as people read it. */
  function text(axis, value) {
    if (value === null || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    const shown = isLog(axis) || (size !== 0 && size < 1e-3) ? scientific(value)
      : size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
    return shown.replace("-", "−") + (axis.unit ? ` ${axis.unit}` : "");
  }

  return { node, draw, sample, text, scientific, valueAt, place, nameOf };
})();
