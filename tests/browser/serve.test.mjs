// The local page in a real browser, over a run that is trained here. Needs the path of the program in
// XRDMATCH. Where XRDMATCH_DATA has a real scan and a real structure, these are dropped; else ones that are
// written here. SCREENSHOTS=DIR keeps pictures of every view, which show only what is written here.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { cutOff, inaccessible, open, overlaps, start } from "./browser.mjs";

const { XRDMATCH, SCREENSHOTS } = process.env;
const POINTS = 4501;
let directory, browser, server, url, scan, cif;

/** Numbers that are always the same. */
function numbers(seed) {
  let state = seed * 2654435761 % 4294967296;
  return (below) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.floor(state / 4294967296 * below);
  };
}

/** A row of sticks, one of which tells the classes apart. */
function row(name, label, seed) {
  const next = numbers(seed + 1), sticks = new Map();
  for (let i = 0; i < 14; i++) sticks.set(600 + next(3800), (10 + next(60)) / 100);
  sticks.set((label === 0 ? 1200 : 2400) + next(200), 1);
  const values = Array.from({ length: POINTS }, (_, i) => sticks.get(i) ?? 0);
  return [`Li${1 + seed % 7}PS${2 + seed % 5}`, name, ...(label === null ? [] : [label ? "1e-8" : "2e-3", label]), ...values].join(",");
}

function tables() {
  const points = Array.from({ length: POINTS }, (_, i) => `v${i + 1}`).join(",");
  const labeled = Array.from({ length: 40 }, (_, i) => row(`known-${i}`, i < 18 ? 0 : 1, i));
  const unlabeled = Array.from({ length: 160 }, (_, i) => row(`pool-${String(i).padStart(3, "0")}`, null, 500 + i));
  writeFileSync(join(directory, "lbs.csv"), `formula_id,name,condutivity,label,${points}\n${labeled.join("\n")}\n`);
  writeFileSync(join(directory, "ulbs.csv"), `formula_id,name,${points}\n${unlabeled.join("\n")}\n`);
  writeFileSync(join(directory, "small.toml"), `
[network.architecture]
features = [
    { type = "conv", channels = 8, kernel = 9, stride = 4, padding = 1 },
    { type = "batch-norm" },
    { type = "relu" },
    { type = "max-pool", size = 8 },
]
classifier = [{ type = "linear", outputs = 8 }, { type = "relu" }, { type = "linear", outputs = 2 }]
[batch]
labeled = 8
unlabeled = 8
[split]
labeled_per_class = [8]
[training]
epochs = 12
iterations = 5
checkpoint_every = 4
`);
}

const trainArguments = (run, ...more) => ["train", "--labeled", "lbs.csv", "--unlabeled", "ulbs.csv", "--preset", "quick",
  "--config", "small.toml", "--run", run, "--no-baselines", "--quiet", ...more];

function run(...args) {
  return execFileSync(XRDMATCH, args, { cwd: directory, stdio: "pipe" });
}

/** A measured scan with a few peaks on a background. */
function madeScan() {
  const peaks = [[24.5, 900], [31.2, 400], [48.7, 650], [56.1, 300]];
  const lines = Array.from({ length: 3500 }, (_, i) => {
    const x = 10 + 0.02 * i;
    return `${x.toFixed(2)} ${peaks.reduce((y, [at, height]) => y + height * Math.exp(-(((x - at) / 0.09) ** 2)), 60 + 5 * Math.sin(i)).toFixed(2)}`;
  });
  return `${lines.join("\n")}\n`;
}

const SALT = `data_CsCl
_cell_length_a 4.12
_cell_length_b 4.12
_cell_length_c 4.12
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cs1 Cs 0 0 0
Cl1 Cl 0.5 0.5 0.5
`;

/** A file of the shared data, or one that is written here. */
function realOrMade(name, made, text) {
  const root = dirname(fileURLToPath(import.meta.url));
  if (!SCREENSHOTS) {
    for (const data of [process.env.XRDMATCH_DATA, join(root, "../../../shared/data")]) {
      if (data && existsSync(join(data, name))) return join(data, name);
    }
    console.log(`NOT RUN on real data: ${name} is not at hand (set XRDMATCH_DATA); a file made here is dropped instead`);
    assert.ok(!process.env.XRDMATCH_REQUIRE_DATA, `${name} is required`);
  }
  const path = join(directory, made);
  writeFileSync(path, text);
  return path;
}

before(async () => {
  assert.ok(XRDMATCH, "XRDMATCH names the program");
  directory = mkdtempSync(join(tmpdir(), "xrdmatch-serve-"));
  if (SCREENSHOTS) mkdirSync(SCREENSHOTS, { recursive: true });
  tables();
  run(...trainArguments("runs/small", "--experiments", "0..5"));
  run("screen", "runs/small", "--data", "ulbs.csv", "-o", "ranked.csv", "--quiet");
  run("explain", "runs/small", "--candidates", "ranked.csv", "--top", "3", "-o", "explained.jsonl", "--quiet");
  scan = realOrMade("scans/dara_Li2CO3-ZrO2_8min.xrdml", "scan.xy", madeScan());
  cif = realOrMade("cifs/cod_9008283_Li2CO3-Zabuyelite.cif", "salt.cif", SALT);
  server = spawn(XRDMATCH, ["serve", "runs", "--candidates", "ranked.csv", "--explanations", "explained.jsonl"], { cwd: directory, stdio: ["ignore", "pipe", "inherit"] });
  url = await new Promise((resolve, reject) => {
    server.stdout.once("data", (text) => resolve(String(text).trim()));
    server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  browser = await start();
});

after(async () => {
  await browser?.close();
  if (server) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGINT");
    assert.equal(await ended, 0, "Ctrl-C ends the server in good order");
  }
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const look = (options = {}, hash = "") => open(browser.context, url + hash, { own: url, ...options });

/** Drops files from elsewhere on the page, as a person does. */
async function dropFiles(page, paths) {
  const files = paths.map((path) => ({ name: path.split("/").pop(), bytes: readFileSync(path).toString("base64") }));
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const { name, bytes } of files) {
      transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
    }
    return transfer;
  }, files);
  await page.dispatchEvent(".drop", "dragover", { dataTransfer: transfer });
  await page.dispatchEvent(".drop", "drop", { dataTransfer: transfer });
}

/** Until everything that a pattern shows is there. */
async function shown(page) {
  await page.waitForSelector(".verdict", { timeout: 60_000 });
  await page.waitForSelector("[data-chart=driving] .plot svg", { timeout: 60_000 });
  await page.waitForSelector("[data-chart=neighbour-0] .plot svg");
}

async function sound({ page, complaints, asked }, name) {
  assert.deepEqual(await overlaps(page), [], name);
  assert.deepEqual(await cutOff(page), [], name);
  assert.deepEqual(await inaccessible(page), [], name);
  assert.deepEqual(complaints, [], name);
  assert.deepEqual(asked, [], name);
}

for (const width of [1440, 390]) {
  for (const scheme of ["light", "dark"]) {
    test(`at ${width} px, ${scheme}: a scan and a structure are judged, and every view is sound`, async () => {
      const opened = await look({ width, scheme });
      const { page } = opened;
      const picture = async (name, whole = false) => {
        if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `serve-${name}-${width}-${scheme}.png`), fullPage: whole });
      };
      await page.waitForSelector(".drop");
      await sound(opened, "before anything");
      await dropFiles(page, [scan, cif]);
      await shown(page);
      assert.match(await page.locator(".status").first().textContent(), /2 patterns judged by 5 models of small/);
      assert.match(await page.locator(".verdict").textContent(), /^0\.\d\d.*Calibrated probability of being superionic/);
      const charts = await page.locator(".detail figure").evaluateAll((all) => all.map((one) => one.dataset.chart));
      assert.deepEqual(charts.toSorted(), ["driving", "measured", "neighbour-0", "seen"]);
      await sound(opened, "analysis");
      await picture("analyse");
      await picture("analyse-full", true);
      await page.locator(".detail").evaluate((detail) => detail.scrollIntoView({ behavior: "instant" }));
      await page.waitForTimeout(300);
      await picture("pattern");
      for (const [hash, ready] of [["candidates", ".detail .plot svg"], ["runs", "tbody tr"], ["runs/small", "[data-chart=roc] .plot svg"]]) {
        await page.evaluate((hash) => { location.hash = `#/${hash}`; }, hash);
        await page.waitForSelector(ready, { timeout: 60_000 });
        await page.waitForTimeout(300);
        await sound(opened, hash);
        await picture(hash.replace("/", "-"));
        if (hash !== "runs") await picture(`${hash.replace("/", "-")}-full`, true);
      }
      await page.close();
    });
  }
}

test("what cannot be read is told with its reason, beside what can", async () => {
  const { page, complaints } = await look();
  const damaged = join(directory, "damaged.cif");
  writeFileSync(damaged, "data_x\n_cell_length_a 4.1\nloop_\n_atom_site_label\n_atom_site_fract_x\nLi1\n");
  await page.waitForSelector(".drop");
  await dropFiles(page, [damaged, cif]);
  await shown(page);
  const alert = page.getByRole("alert");
  assert.match(await alert.textContent(), /One could not be read.*damaged\.cif: line 3, column 1/s);
  assert.equal(await page.locator("tbody tr").count() > 0, true);
  // Nothing but a damaged file: no result, and a word.
  await dropFiles(page, [damaged]);
  await page.getByText("No pattern could be read.").waitFor();
  assert.equal(await page.locator(".verdict").count(), 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a file is chosen, judged, sorted, looked at and saved by keyboard alone", async () => {
  const { page, complaints } = await look();
  await page.waitForSelector("option[value=small]", { state: "attached" });
  // Waited for in good time: what a press opens at once would be missed.
  const choosing = page.waitForEvent("filechooser");
  // From the top of the page: skip link, theme, three views, run, wavelength, then the button.
  let reached = "";
  for (let i = 0; i < 15 && reached !== "Choose files"; i++) {
    await page.keyboard.press("Tab");
    reached = await page.evaluate(() => document.activeElement.textContent);
  }
  assert.equal(reached, "Choose files");
  await page.keyboard.press("Enter");
  const chooser = await choosing;
  await chooser.setFiles([join(directory, "ulbs.csv")]);
  await shown(page);
  const names = () => page.locator(".split > div tbody th").allTextContents();
  const all = await names();
  assert.equal(all.length, 160);
  await page.getByRole("button", { name: "probability", exact: true }).focus();
  await page.keyboard.press("Enter");
  const falling = (await page.locator(".split > div tbody td:nth-child(4)").allTextContents()).map(Number);
  assert.deepEqual(falling, falling.toSorted((a, b) => b - a));
  assert.notDeepEqual(await names(), all);
  await page.locator(".split > div tbody th button").nth(3).focus();
  await page.keyboard.press("Enter");
  const chosen = (await names())[3];
  assert.match(await page.locator(".detail h3").textContent(), new RegExp(chosen));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), chosen, "the focus stays");
  await page.getByRole("link", { name: "CSV", exact: true }).focus();
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(download.suggestedFilename(), "analysis.csv");
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
  assert.equal(lines.length, 161);
  assert.match(lines[0], /^rank,row,name,id,formula,label,probability,lower,upper/);
  // The chart is read and zoomed by keyboard too.
  const plot = page.locator("[data-chart=measured] .plot");
  await plot.focus();
  const ticks = () => plot.locator(".ticks text").allTextContents();
  const before = await ticks();
  await page.keyboard.press("+");
  assert.notDeepEqual(await ticks(), before);
  await page.keyboard.press("Escape");
  assert.deepEqual(await ticks(), before);
  // And another view is reached.
  await page.getByRole("link", { name: "Runs" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("tbody a").first().waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("dragging in a chart zooms, hovering reads values, neighbours change it", async () => {
  const { page } = await look();
  await page.waitForSelector(".drop");
  await dropFiles(page, [scan]);
  await shown(page);
  const plot = page.locator("[data-chart=measured] .plot");
  await plot.scrollIntoViewIfNeeded();
  const ticks = () => plot.locator(".ticks text").allTextContents();
  const before = await ticks(), box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.4);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.42, { steps: 4 });
  await page.mouse.up();
  assert.notDeepEqual(await ticks(), before);
  await page.locator("[data-chart=measured]").getByRole("button", { name: "Reset zoom" }).click();
  assert.deepEqual(await ticks(), before);
  await page.mouse.move(box.x + box.width * 0.55, box.y + box.height * 0.5);
  assert.match(await plot.locator(".tip").textContent(), /two-theta.*°/);
  const beside = page.locator(".choice button");
  assert.equal(await beside.count(), 3);
  await beside.nth(2).click();
  await page.waitForSelector("[data-chart=neighbour-2] .plot svg");
  await page.close();
});

test("candidates are sorted, filtered, paged, saved and looked at", async () => {
  const { page, complaints } = await look({}, "#/candidates");
  await page.waitForSelector(".detail .plot svg");
  const names = () => page.locator(".split > div tbody th").allTextContents();
  const first = await names();
  assert.equal(first.length, 50);
  assert.match(await page.locator(".detail .legend").textContent(), /speaks (for superionic|against)/);
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("page 2 of 4").waitFor();
  assert.notEqual((await names())[0], first[0]);
  await page.getByRole("button", { name: "name", exact: true }).click();
  await page.locator("th[aria-sort=ascending]").getByText("name").waitFor();
  await page.waitForFunction(() => document.querySelector(".split > div tbody th").textContent === "pool-000");
  await page.getByLabel("Name or formula").fill("pool-01");
  await page.getByText(/^10 of 160/).waitFor();
  assert.equal((await names()).length, 10);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Save these as CSV" }).click()]);
  assert.equal(readFileSync(await download.path(), "utf8").trim().split("\n").length, 11);
  await page.locator(".split > div tbody th button").nth(4).click();
  await page.waitForFunction(() => document.querySelector(".detail .note").textContent.startsWith("pool-014"));
  await page.waitForFunction(() => document.querySelectorAll(".detail .plot .stick").length === 2);
  await page.getByLabel("Probability from").fill("2");
  await page.getByText(/^0 of 160/).waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a training is followed live", async () => {
  run(...trainArguments("runs/growing", "--experiments", "0", "--epochs", "150"));
  const { page, complaints } = await look({}, "#/runs/growing");
  await page.waitForSelector("[data-chart=loss] .plot svg");
  assert.match(await page.locator(".chip").first().textContent(), /complete/);
  const rows = () => page.locator("main > section details tbody tr").count();
  assert.equal(await rows(), 1);
  const drawn = await page.locator("[data-chart=loss] .plot .line").first().getAttribute("d");
  const training = spawn(XRDMATCH, trainArguments("runs/growing", "--experiments", "0..3", "--epochs", "150", "--jobs", "1"), { cwd: directory, stdio: "ignore" });
  const ended = new Promise((resolve) => training.once("exit", resolve));
  await page.locator(".chip.running").waitFor({ timeout: 60_000 });
  await page.getByText(/experiment 1, epoch \d+: labelled loss/).waitFor({ timeout: 60_000 });
  await page.waitForFunction((old) => document.querySelector("[data-chart=loss] .plot .line").getAttribute("d") !== old, drawn, { timeout: 60_000, polling: 200 });
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, "serve-live-1440-light.png") });
  assert.equal(await ended, 0);
  await page.locator(".chip.complete").waitFor({ timeout: 60_000 });
  await page.getByText(/3 experiments complete/).first().waitFor({ timeout: 60_000 });
  await page.waitForFunction(() => document.querySelectorAll("main > section details tbody tr").length === 3, null, { timeout: 60_000, polling: 200 });
  assert.deepEqual(complaints, []);
  await page.close();
});

test("names that are markup stay text", async () => {
  const { page, complaints } = await look();
  const evil = join(directory, "<img src=x onerror=document.title='owned'>.cif");
  writeFileSync(evil, SALT.replace("CsCl", "<script>document.title='owned'</script>"));
  await page.waitForSelector(".drop");
  await dropFiles(page, [evil]);
  await shown(page);
  assert.match(await page.title(), /XRDMatch/);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the theme can be chosen, and what was analysed is still there when one comes back", async () => {
  const { page } = await look({ scheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("button", { name: /Theme: light/ }).click();
  assert.notEqual(await ground(), light);
  await page.waitForSelector(".drop");
  await dropFiles(page, [cif]);
  await shown(page);
  await page.getByRole("link", { name: "Runs" }).click();
  await page.waitForSelector("tbody tr");
  await page.getByRole("link", { name: "Analyse" }).click();
  // The page follows its address in a task of its own, after the click is over.
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".verdict").count(), 1);
  await page.close();
});
