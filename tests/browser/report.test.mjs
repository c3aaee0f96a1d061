// The report in a real browser. Needs the paths of two binaries in the environment:
// XRDMATCH (the program) and SYNTHETIC_RUN (the example of crates/xrdmatch-report that invents runs).
// SCREENSHOTS=DIR keeps pictures of every page looked at.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { cutOff, drawAll, inaccessible, open, overlaps, start } from "./browser.mjs";

const { XRDMATCH, SYNTHETIC_RUN, SCREENSHOTS } = process.env;
let directory, browser, url;

function report(name, experiments, epochs, candidates, more = []) {
  const at = join(directory, name);
  execFileSync(SYNTHETIC_RUN, [at, experiments, epochs, candidates].map(String));
  const output = join(at, "report.html");
  execFileSync(XRDMATCH, ["report", join(at, "run"), "-o", output, "--candidates", join(at, "candidates.csv"), ...more], { stdio: "pipe" });
  return output;
}

before(async () => {
  assert.ok(XRDMATCH && SYNTHETIC_RUN, "XRDMATCH and SYNTHETIC_RUN name the binaries");
  directory = mkdtempSync(join(tmpdir(), "xrdmatch-report-"));
  if (SCREENSHOTS) mkdirSync(SCREENSHOTS, { recursive: true });
  url = pathToFileURL(report("small", 12, 40, 300, ["--replicates", "200"])).href;
  browser = await start();
});

after(async () => {
  await browser?.close();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

for (const width of [1440, 390]) {
  for (const scheme of ["light", "dark"]) {
    test(`at ${width} px, ${scheme}: nothing overlaps, nothing is cut off, nothing complains, nothing is fetched, all is accessible`, async () => {
      const { page, complaints, asked } = await open(browser.context, url, { width, scheme });
      await drawAll(page);
      if (SCREENSHOTS) {
        await page.screenshot({ path: join(SCREENSHOTS, `report-${width}-${scheme}-full.png`), fullPage: true });
        await page.screenshot({ path: join(SCREENSHOTS, `report-${width}-${scheme}.png`) });
        for (const section of ["ranking", "compounds", "training", "candidates"]) {
          await page.evaluate((id) => document.getElementById(id).scrollIntoView(), section);
          await page.waitForTimeout(200);
          await page.screenshot({ path: join(SCREENSHOTS, `report-${section}-${width}-${scheme}.png`) });
        }
      }
      assert.deepEqual(await overlaps(page), []);
      assert.deepEqual(await cutOff(page), []);
      assert.deepEqual(await inaccessible(page), []);
      assert.deepEqual(complaints, []);
      assert.deepEqual(asked, []);
      await page.close();
    });
  }
}

test("every chart has named axes, a legend and a description, and can be reached by keyboard", async () => {
  const { page } = await open(browser.context, url);
  await drawAll(page);
  const charts = await page.evaluate(() => [...document.querySelectorAll("figure.chart")].map((figure) => ({
    id: figure.dataset.chart,
    texts: [...figure.querySelectorAll(".plot > svg > text")].map((t) => t.textContent),
    legend: figure.querySelectorAll(".legend li").length,
    ticks: figure.querySelectorAll(".plot .ticks text").length,
    label: figure.querySelector(".plot").getAttribute("aria-label").length,
    focusable: figure.querySelector(".plot").tabIndex,
  })));
  assert.ok(charts.length >= 10, `${charts.length} charts`);
  for (const chart of charts) {
    assert.equal(chart.texts.length, 2, chart.id);
    assert.ok(chart.texts.every((text) => text.length > 2) && chart.legend > 0 && chart.ticks > 4 && chart.label > 60 && chart.focusable === 0, JSON.stringify(chart));
  }
  const sigma = charts.find((chart) => chart.id === "conductivity");
  assert.match(sigma.texts[0], /S\/cm/);
  await page.close();
});

test("dragging zooms, a double click and the button reset, the legend hides a series", async () => {
  const { page } = await open(browser.context, url);
  await drawAll(page);
  const figure = page.locator("figure[data-chart=loss]");
  await figure.scrollIntoViewIfNeeded();
  const ticks = () => figure.locator(".plot .ticks text").allTextContents();
  const before = await ticks();
  const box = await figure.locator(".plot").boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.4);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.42, { steps: 4 });
  await page.mouse.up();
  assert.notDeepEqual(await ticks(), before);
  await figure.getByRole("button", { name: "Reset zoom" }).click();
  assert.deepEqual(await ticks(), before);
  const lines = () => figure.locator(".plot .line").count();
  const all = await lines();
  await figure.getByRole("button", { name: "unlabelled" }).click();
  assert.equal(await lines(), all - 1);
  await page.close();
});

test("hovering reads values, and so do the arrow keys", async () => {
  const { page } = await open(browser.context, url);
  await drawAll(page);
  const figure = page.locator("figure[data-chart=roc]");
  await figure.scrollIntoViewIfNeeded();
  const box = await figure.locator(".plot").boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.5);
  const tip = figure.locator(".tip");
  assert.ok(await tip.isVisible());
  assert.match(await tip.textContent(), /false positive rate.*out-of-bag ensemble/);
  await page.mouse.move(0, 0);
  assert.ok(!(await tip.isVisible()));
  const compounds = page.locator("figure[data-chart=conductivity] .plot");
  await compounds.focus();
  for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowRight");
  assert.match(await page.locator("figure[data-chart=conductivity] .unseen").textContent(), /S\/cm/);
  const ticks = await page.locator("figure[data-chart=conductivity] .ticks text").allTextContents();
  await page.keyboard.press("+");
  assert.notDeepEqual(await page.locator("figure[data-chart=conductivity] .ticks text").allTextContents(), ticks);
  await page.keyboard.press("Escape");
  assert.deepEqual(await page.locator("figure[data-chart=conductivity] .ticks text").allTextContents(), ticks);
  await page.close();
});

test("a chart is saved as SVG and as numbers", async () => {
  const { page } = await open(browser.context, url);
  await drawAll(page);
  const figure = page.locator("figure[data-chart=roc]");
  const save = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), figure.getByRole("button", { name }).click()]);
    return [download.suggestedFilename(), readFileSync(await download.path(), "utf8")];
  };
  const [svgName, svg] = await save(/^Save SVG/);
  assert.equal(svgName, "roc.svg");
  assert.ok(svg.startsWith("<svg") && svg.includes("true positive rate"));
  const [csvName, csv] = await save(/^Save CSV/);
  assert.equal(csvName, "roc.csv");
  assert.match(csv, /^series,false positive rate,true positive rate,low,high,label\n/);
  await page.close();
});

test("candidates are sorted, filtered, paged, saved and looked at, by keyboard alone", async () => {
  const { page, complaints } = await open(browser.context, url);
  const section = page.locator("#candidates");
  const names = () => section.locator("tbody th").allTextContents();
  assert.equal((await names())[0], "made-up-00000");
  await section.getByRole("button", { name: "probability", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  // The last two are equally improbable, and keep the file's order.
  assert.equal((await names())[0], "made-up-00298");
  assert.equal(await section.locator("th[aria-sort=ascending]").textContent(), "probability");
  await section.getByLabel("Name or formula").focus();
  await page.keyboard.type("made-up-0012");
  assert.equal((await names()).length, 10);
  assert.match(await section.getByRole("status").textContent(), /^10 of 300/);
  const [download] = await Promise.all([page.waitForEvent("download"), section.getByRole("button", { name: "Save these as CSV" }).press("Enter")]);
  assert.equal(readFileSync(await download.path(), "utf8").trim().split("\n").length, 11);
  await section.locator("tbody th button").nth(3).focus();
  await page.keyboard.press("Enter");
  const detail = section.locator("aside");
  assert.match(await detail.textContent(), /made-up-00123|made-up-00126/);
  assert.ok(await detail.locator(".plot .stick").count() === 2, "the pattern and its neighbour");
  assert.match(await detail.locator(".plot > svg > text").first().textContent(), /two-theta \/ °/);
  assert.ok(await detail.locator(".legend").textContent().then((t) => t.includes("speaks for superionic")));
  const first = await detail.locator(".plot .stick").nth(1).getAttribute("d");
  await detail.locator(".choice button").nth(1).press("Enter");
  assert.notEqual(await detail.locator(".plot .stick").nth(1).getAttribute("d"), first);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("tables of the page are sorted by their heads", async () => {
  const { page } = await open(browser.context, url);
  await page.locator("#compounds summary").click();
  const column = () => page.locator("#compounds tbody td:nth-child(3)").allTextContents();
  await page.locator("#compounds").getByRole("button", { name: "conductivity / S/cm" }).click();
  const values = (await column()).map(Number);
  assert.deepEqual(values, [...values].sort((a, b) => b - a));
  await page.close();
});

test("in print the charts are those drawn for paper", async () => {
  const { page } = await open(browser.context, url);
  await drawAll(page);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const shown = await page.evaluate(() => [...document.querySelectorAll("figure.chart .static svg")].every((svg) => svg.checkVisibility()));
  assert.ok(shown, "print shows the drawn charts");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  const pdf = await page.pdf({ format: "A4" });
  assert.ok(pdf.length > 50_000);
  if (SCREENSHOTS) writeFileSync(join(SCREENSHOTS, "print.pdf"), pdf);
  await page.close();
});

test("the theme can be chosen", async () => {
  const { page } = await open(browser.context, url, { scheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("button", { name: /Theme: light/ }).click();
  assert.notEqual(await ground(), light);
  await page.close();
});

test("names that are markup stay text", async () => {
  const at = join(directory, "evil");
  execFileSync(SYNTHETIC_RUN, [at, "2", "3", "60"]);
  const evil = `</script><img src=x onerror=document.title='owned'>`;
  writeFileSync(join(at, "evil.csv"), `name,probability,note\n"${evil}",0.9,"${evil}"\n`);
  const output = join(at, "report.html");
  execFileSync(XRDMATCH, ["report", join(at, "run"), "-o", output, "--candidates", join(at, "evil.csv"), "--no-baselines", "--replicates", "100"], { stdio: "pipe" });
  const { page, complaints } = await open(browser.context, pathToFileURL(output).href);
  assert.equal(await page.locator("#candidates tbody th").first().textContent(), evil);
  assert.match(await page.title(), /XRDMatch report/);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a report of 100 experiments and 9,000 candidates is below 10 MB and opens", async () => {
  const output = report("large", 100, 100, 9000, ["--no-baselines", "--replicates", "100"]);
  const size = statSync(output).size;
  assert.ok(size < 10e6, `${size} bytes`);
  const { page, complaints } = await open(browser.context, pathToFileURL(output).href);
  // Told, not asserted: how long depends on the machine.
  const times = await page.evaluate(() => {
    const [entry] = performance.getEntriesByType("navigation");
    return { interactive: Math.round(entry.domInteractive), load: Math.round(entry.loadEventEnd) };
  });
  console.log(`large report: ${(size / 1e6).toFixed(2)} MB, interactive after ${times.interactive} ms, loaded after ${times.load} ms`);
  assert.match(await page.locator("#candidates [role=status]").textContent(), /9,000 of 9,000/);
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "large.png") });
  assert.deepEqual(complaints, []);
  await page.close();
});
