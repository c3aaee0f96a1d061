// The browser of the tests: Debian's chromium, without a network, in a profile of its own.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const CHROMIUM = process.env.CHROMIUM
  ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** Starts the browser; `close` ends it and removes its profile. */
export async function start() {
  const profile = await mkdtemp(join(tmpdir(), "xrdmatch-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    acceptDownloads: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--hide-scrollbars"],
  });
  return { context, close: async () => { await context.close(); await rm(profile, { recursive: true, force: true }); } };
}

/** A page that keeps what the console complains of and what is asked of other hosts. */
export async function open(context, url, { width = 1440, height = 900, scheme = "light", own = "file:" } = {}) {
  const page = await context.newPage();
  const complaints = [], asked = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(own) && !to.startsWith("data:") && !to.startsWith("blob:")) asked.push(to);
  });
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(url, { waitUntil: "load" });
  return { page, complaints, asked };
}

/** Scrolls through the page, so that every chart is drawn. */
export async function drawAll(page) {
  await page.evaluate(async () => {
    document.documentElement.style.scrollBehavior = "auto";
    for (let y = 0; y < document.body.scrollHeight; y += 500) {
      window.scrollTo(0, y);
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
    window.scrollTo(0, 0);
  });
  // Asked again and again from outside: the page's policy forbids what waiting inside it needs.
  const waiting = () => page.evaluate(() => [...document.querySelectorAll("figure.chart:not(.live-on)")].map((f) => f.dataset.chart));
  const until = Date.now() + 20_000;
  let left = await waiting();
  while (left.length && Date.now() < until) {
    await page.evaluate((id) => document.querySelector(`[data-chart="${id}"]`).scrollIntoView(), left[0]);
    await page.waitForTimeout(50);
    left = await waiting();
  }
  if (left.length) throw new Error(`not drawn: ${left.join(", ")}`);
  await page.evaluate(() => window.scrollTo(0, 0));
}

/** Texts that lie on one another: within charts, and between neighbouring elements of the page. */
export async function overlaps(page) {
  return page.evaluate(() => {
    const seen = (box) => box.width > 0 && box.height > 0;
    const found = [];
    const compare = (texts, where) => {
      for (let i = 0; i < texts.length; i++) {
        for (let j = i + 1; j < texts.length; j++) {
          const [a, b] = [texts[i], texts[j]];
          const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
          const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
          if (wide > 1.5 && high > 3) found.push(`${where}: "${a.text}" on "${b.text}"`);
        }
      }
    };
    for (const svg of document.querySelectorAll("svg")) {
      if (!svg.checkVisibility()) continue;
      const texts = [...svg.querySelectorAll("text")].map((t) => ({ text: t.textContent, box: t.getBoundingClientRect() }));
      compare(texts.filter((t) => seen(t.box)), svg.closest("[data-chart]")?.dataset.chart ?? "svg");
    }
    // Runs of text in the page itself, by their boxes.
    const texts = [];
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement;
      if (!node.textContent.trim() || !parent.checkVisibility() || parent.closest(".scroll, .unseen, svg, nav, details:not([open])")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) if (seen(box)) texts.push({ text: node.textContent.trim().slice(0, 40), box, node });
    }
    const near = texts.sort((a, b) => a.box.top - b.box.top);
    for (let i = 0; i < near.length; i++) {
      for (let j = i + 1; j < near.length && near[j].box.top < near[i].box.bottom; j++) {
        if (near[i].node !== near[j].node) compare([near[i], near[j]], "page");
      }
    }
    return found;
  });
}

/** Texts of charts that stick out of the window. */
export async function cutOff(page) {
  return page.evaluate(() => {
    const found = [];
    if (document.documentElement.scrollWidth > window.innerWidth + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const svg of document.querySelectorAll(".plot svg")) {
      const frame = svg.getBoundingClientRect();
      for (const text of svg.querySelectorAll("text")) {
        const box = text.getBoundingClientRect();
        if (box.left < frame.left - 3 || box.right > frame.right + 3 || box.bottom > frame.bottom + 3 || box.top < frame.top - 3) found.push(text.textContent);
      }
    }
    return found;
  });
}

/** What axe finds serious or critical. The script is run as the tests' own, past the page's policy. */
export async function inaccessible(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any?.[0]?.message ?? ""}`).join("; ")}`);
}
