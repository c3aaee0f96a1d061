// The page: its theme, its place, its charts and tables.
(() => {
  const data = JSON.parse(document.getElementById("numbers").textContent);

  // Automatic, light, dark.
  const themes = ["automatic", "light", "dark"], theme = document.getElementById("theme");
  let current = 0;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    current = (current + 1) % themes.length;
    if (current) document.documentElement.dataset.theme = themes[current];
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Theme: ${themes[current]}`;
  });

  // Charts are made live as they come near the window.
  const charts = new Map(data.charts.map((chart) => [chart.id, chart]));
  const live = (figure) => {
    const chart = charts.get(figure.dataset.chart);
    if (!chart || figure.classList.contains("live-on")) return;
    figure.classList.add("live-on");
    const fixed = figure.querySelector(".static"), holder = Figure.html("div");
    fixed.after(holder);
    Figure.mount(holder, chart, () => fixed.innerHTML, figure.closest(".wide") !== null);
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      live(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("figure.chart").forEach((figure) => near.observe(figure));

  document.querySelectorAll("table.sortable").forEach(Tables.sortable);
  const host = document.getElementById("candidates-body");
  if (host && data.candidates) Tables.candidates(host, data.candidates);

  // The section that is being read is marked in the navigation.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const mark = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      const link = links.get(entry.target.id);
      if (link) link.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => mark.observe(section));
})();
