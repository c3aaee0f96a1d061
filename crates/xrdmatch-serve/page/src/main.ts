// The page: its theme, its views, and which of them is shown.
import "./page.css";
import { type About, get, inWords } from "./api.ts";
import { analyse } from "./analyse.ts";
import { candidates } from "./candidates.ts";
import { h } from "./dom.ts";
import { oneRun, runs } from "./runs.ts";

/** A view: fills a section, and gives what ends it. */
export type View = (section: HTMLElement, about: About) => (() => void) | void;

const main = document.getElementById("main")!, title = document.getElementById("title")!, made = document.getElementById("made")!;

// Automatic, light, dark.
const themes = ["automatic", "light", "dark"] as const, theme = document.getElementById("theme")!;
let current = 0;
theme.addEventListener("click", () => {
  current = (current + 1) % themes.length;
  const name = themes[current]!;
  if (current) document.documentElement.dataset["theme"] = name;
  else delete document.documentElement.dataset["theme"];
  theme.textContent = `Theme: ${name}`;
});

function chosen(): { name: string; heading: string; view: View } {
  const [, name, id] = location.hash.split("/");
  if (name === "candidates") return { name, heading: "Candidates", view: candidates };
  if (name === "runs" && id) {
    const run = decodeURIComponent(id);
    return { name, heading: run, view: (section) => oneRun(section, run) };
  }
  if (name === "runs") return { name, heading: "Runs", view: runs };
  return { name: "analyse", heading: "What do the models say of a pattern?", view: analyse };
}

let end: (() => void) | void;
// Views that are left keep what they show: an analysis is still there when one comes back.
const kept = new Map<string, HTMLElement>();

function show(about: About, focus: boolean) {
  const { name, heading, view } = chosen();
  end?.();
  end = undefined;
  title.textContent = heading;
  document.title = `${heading} · XRDMatch`;
  for (const one of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
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
    const about = await get<About>("about");
    made.textContent = `version ${about.version}${about.run ? ` · models of ${about.run}` : ""}`;
    show(about, false);
    window.addEventListener("hashchange", () => {
      // Any other hash is a place within the view.
      if (location.hash === "" || location.hash.startsWith("#/")) show(about, true);
    });
  } catch (error) {
    main.replaceChildren(h("p", { role: "alert" }, inWords(error)));
  }
}

void begin();
