// A chart one can look into: hover or arrow keys read values, dragging zooms, the legend hides series.
const Figure = (() => {
  function html(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function button(text, action, title) {
    const made = html("button", "", text);
    made.type = "button";
    if (title) made.title = title;
    made.addEventListener("click", action);
    return made;
  }

  function save(name, type, text) {
    const link = html("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const cell = (value) => {
    if (value === null || value === undefined) return "";
    const text = String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  /** The numbers of a chart as a table. */
  function csv(chart) {
    const rows = [["series", chart.x.label, chart.y.label, "low", "high", "label"]];
    for (const s of chart.series) {
      const name = s.name || `${Chart.nameOf(chart, s)} (${s.shape === "band" ? "middle half" : "each"})`;
      s.x.forEach((x, i) => {
        if (s.shape === "strands") s.lines.forEach((line, n) => rows.push([`${name} ${n + 1}`, x, line[i]]));
        else if (s.shape === "band") rows.push([name, x, "", s.low[i], s.high[i]]);
        else rows.push([name, x, s.y[i], s.low && s.low[i], s.high && s.high[i], s.labels && s.labels[i]]);
      });
    }
    return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }

  /** Makes a chart live in an element. `original` gives the SVG that is saved. */
  function mount(host, chart, original, tall) {
    const live = html("div", "live");
    const state = { x: chart.x.range.slice(), y: chart.y.range.slice(), hidden: new Set() };
    let frame = null, cursor = null, drag = null;

    const legend = html("ul", "legend");
    legend.setAttribute("aria-label", "Series, press to hide");
    const listed = () => chart.series.filter((s) => s.name).map((s) => `${s.name} ${s.style} ${s.shape}`).join();
    function fillLegend() {
      legend.replaceChildren();
      for (const series of chart.series.filter((s) => s.name)) {
        const item = html("li");
        const toggle = button("", () => {
          const shown = state.hidden.delete(series.name);
          if (!shown) state.hidden.add(series.name);
          toggle.setAttribute("aria-pressed", String(shown));
          redraw();
        });
        toggle.setAttribute("aria-pressed", String(!state.hidden.has(series.name)));
        toggle.append(Chart.sample(series), series.name);
        item.append(toggle);
        legend.append(item);
      }
    }
    fillLegend();

    const plot = html("div", "plot");
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-roledescription", "chart");
    const describe = () => plot.setAttribute("aria-label", `${chart.title}. ${chart.caption} Arrow keys read values, plus and minus zoom, escape resets.`);
    describe();
    const svg = Chart.node("svg", { "aria-hidden": "true", focusable: "false" }, plot);
    const tip = html("div", "tip");
    tip.hidden = true;
    const said = html("div", "unseen");
    said.setAttribute("aria-live", "polite");
    plot.append(tip, said);

    const reset = button("Reset zoom", () => zoom(chart.x.range.slice(), chart.y.range.slice()));
    reset.disabled = true;
    const actions = html("div", "actions");
    actions.append(reset);
    if (original) actions.append(button("SVG", () => save(`${chart.id}.svg`, "image/svg+xml", original()), "Save this chart for a paper"));
    actions.append(button("CSV", () => save(`${chart.id}.csv`, "text/csv", csv(chart)), "Save the numbers of this chart"));
    for (const made of actions.querySelectorAll("button")) {
      if (made !== reset) made.setAttribute("aria-label", `Save ${made.textContent} of ${chart.title}`);
    }
    live.append(legend, plot, actions);
    host.append(live);

    function redraw() {
      const width = Math.max(240, Math.round(plot.clientWidth || 600));
      const height = Math.round(Math.min(tall ? 460 : 380, Math.max(260, width * 0.6)));
      frame = Chart.draw(svg, chart, width, height, state);
      frame.width = width;
      cursor = null;
      tip.hidden = true;
    }

    function zoom(x, y) {
      state.x = x;
      state.y = y;
      const whole = (range, all) => range[0] === all[0] && range[1] === all[1];
      reset.disabled = whole(x, chart.x.range) && whole(y, chart.y.range);
      redraw();
    }

    /** What is to be read at a place: the nearest marker, or the lines there. */
    function readAt(x, y) {
      let near = null, best = 26 * 26;
      for (const point of frame.points) {
        const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (distance < best) [near, best] = [point, distance];
      }
      if (near) {
        const { series, index } = near;
        const lines = [];
        if (series.labels && series.labels[index]) lines.push([series.labels[index], ""]);
        lines.push([series.name, ""]);
        lines.push([chart.x.label, Chart.text(chart.x, series.x[index])], [chart.y.label, Chart.text(chart.y, series.y[index])]);
        return { x: near.x, y: near.y, ring: true, lines };
      }
      const at = Chart.valueAt(chart.x, state.x, (x - frame.left) / (frame.right - frame.left));
      const lines = [];
      let place = null;
      for (const s of chart.series) {
        if (state.hidden.has(s.name || Chart.nameOf(chart, s)) || s.style === 6) continue;
        if (s.shape !== "line" && s.shape !== "band" && s.shape !== "sticks") continue;
        let found = -1, gap = Infinity;
        s.x.forEach((value, i) => {
          const distance = Math.abs(frame.px(value) - x);
          if (distance < gap && (s.shape === "band" ? s.low[i] : s.y[i]) !== null) [found, gap] = [i, distance];
        });
        if (found < 0 || gap > Math.max(30, (frame.right - frame.left) / s.x.length)) continue;
        if (s.shape === "sticks" && gap > 6) continue;
        if (place === null || s.shape === "line") place = frame.px(s.x[found]);
        if (s.shape === "band") lines.push([s.name || "middle half", `${Chart.text(chart.y, s.low[found])} to ${Chart.text(chart.y, s.high[found])}`]);
        else lines.push([s.name, s.shape === "sticks" ? Chart.text(chart.x, s.x[found]) : Chart.text(chart.y, s.y[found])]);
      }
      if (!lines.length) return null;
      if (!chart.series.some((s) => s.shape === "sticks")) lines.unshift([chart.x.label, Chart.text(chart.x, at)]);
      return { x: place, y, ring: false, lines };
    }

    function show(x, y, speak) {
      svg.querySelectorAll(".cursor, .ring").forEach((old) => old.remove());
      const found = x < frame.left - 4 || x > frame.right + 4 ? null : readAt(x, y);
      tip.hidden = !found;
      if (!found) return;
      if (found.ring) Chart.node("circle", { class: "ring", cx: found.x, cy: found.y, r: 8 }, svg);
      else Chart.node("path", { class: "cursor", d: `M${found.x} ${frame.top}V${frame.bottom}` }, svg);
      tip.replaceChildren(...found.lines.map(([name, value]) => {
        const line = html("div");
        if (value) line.append(`${name} `, html("b", "", value)); else line.append(html("b", "", name));
        return line;
      }));
      const scale = plot.clientWidth / frame.width, wide = tip.offsetWidth;
      const left = found.x * scale + 14 + wide > plot.clientWidth ? found.x * scale - 14 - wide : found.x * scale + 14;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = `${Math.max(0, Math.min(y * scale - 20, plot.clientHeight - tip.offsetHeight))}px`;
      if (speak) said.textContent = found.lines.map((line) => line.join(" ")).join(", ");
    }

    const at = (event) => {
      const box = plot.getBoundingClientRect(), scale = frame.width / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    plot.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!drag) return show(x, y, false);
      const held = (value, low, high) => Math.min(high, Math.max(low, value));
      drag.to = [held(x, frame.left, frame.right), held(y, frame.top, frame.bottom)];
      const flat = Math.abs(drag.to[1] - drag.from[1]) < 24;
      const [a, b] = [Math.min(drag.from[0], drag.to[0]), Math.abs(drag.from[0] - drag.to[0])];
      const [c, d] = flat ? [frame.top, frame.bottom - frame.top] : [Math.min(drag.from[1], drag.to[1]), Math.abs(drag.from[1] - drag.to[1])];
      drag.box ||= Chart.node("rect", { class: "zoom" }, svg);
      for (const [key, value] of Object.entries({ x: a, y: c, width: b, height: d })) drag.box.setAttribute(key, value);
      tip.hidden = true;
    });
    plot.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      if (event.button || x < frame.left || x > frame.right || y < frame.top || y > frame.bottom) return;
      drag = { from: [x, y], to: [x, y] };
      plot.setPointerCapture(event.pointerId);
    });
    const end = () => {
      if (!drag) return;
      const { from, to, box } = drag;
      drag = null;
      if (box) box.remove();
      if (Math.abs(to[0] - from[0]) < 8) return;
      const share = (x) => (x - frame.left) / (frame.right - frame.left);
      const height = (y) => (frame.bottom - y) / (frame.bottom - frame.top);
      const xs = [from[0], to[0]].sort((a, b) => a - b).map((x) => Chart.valueAt(chart.x, state.x, share(x)));
      const flat = Math.abs(to[1] - from[1]) < 24;
      const ys = flat ? state.y : [from[1], to[1]].sort((a, b) => b - a).map((y) => Chart.valueAt(chart.y, state.y, height(y)));
      zoom(xs, ys);
    };
    plot.addEventListener("pointerup", end);
    plot.addEventListener("pointercancel", () => { if (drag && drag.box) drag.box.remove(); drag = null; });
    plot.addEventListener("pointerleave", () => {
      tip.hidden = true;
      svg.querySelectorAll(".cursor, .ring").forEach((old) => old.remove());
    });
    plot.addEventListener("dblclick", () => zoom(chart.x.range.slice(), chart.y.range.slice()));
    plot.addEventListener("keydown", (event) => {
      const wide = frame.right - frame.left;
      const around = (factor) => {
        const middle = cursor === null ? 0.5 : (cursor - frame.left) / wide;
        const low = Math.max(0, 0.5 + (middle - 0.5) - factor / 2), high = Math.min(1, low + factor);
        if (factor <= 1) return zoom([Chart.valueAt(chart.x, state.x, low), Chart.valueAt(chart.x, state.x, high)], state.y);
        const range = [Chart.valueAt(chart.x, state.x, -0.5), Chart.valueAt(chart.x, state.x, 1.5)];
        zoom([Math.max(range[0], chart.x.range[0]), Math.min(range[1], chart.x.range[1])], state.y);
      };
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        const step = (event.shiftKey ? 0.1 : 0.02) * wide * (event.key === "ArrowRight" ? 1 : -1);
        cursor = Math.min(frame.right, Math.max(frame.left, (cursor ?? (step > 0 ? frame.left - step : frame.right - step)) + step));
        let height = (frame.top + frame.bottom) / 2;
        // Of markers, that nearest along the axis is read, however high it lies.
        const near = frame.points.reduce((best, p) => (!best || Math.abs(p.x - cursor) < Math.abs(best.x - cursor) ? p : best), null);
        if (near && Math.abs(near.x - cursor) < 20) height = near.y;
        show(cursor, height, true);
      } else if (event.key === "+" || event.key === "=") around(0.5);
      else if (event.key === "-") around(2);
      else if (event.key === "Escape" || event.key === "0") zoom(chart.x.range.slice(), chart.y.range.slice());
      else return;
      event.preventDefault();
    });
    /** Takes newer numbers of the same chart; what is zoomed into stays so, and what is hidden too. */
    function update(next) {
      const whole = reset.disabled, before = listed();
      chart = next;
      if (whole) [state.x, state.y] = [chart.x.range.slice(), chart.y.range.slice()];
      if (listed() !== before) fillLegend();
      describe();
      redraw();
    }

    let known = 0;
    new ResizeObserver(() => {
      if (Math.abs(plot.clientWidth - known) < 2) return;
      known = plot.clientWidth;
      redraw();
    }).observe(plot);
    redraw();
    return { redraw, update };
  }

  return { mount, html, button, save, cell };
})();
