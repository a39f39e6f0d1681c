// Stock automerge-repo in a browser, which the server knows by its cookies: two pages in Chromium.
import assert from "node:assert/strict";
import test from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { cast } from "./hall.js";
import { automergeNote, phone } from "./phones.js";
import { until } from "./until.js";

const entry = new URL("./chromium-page.js", import.meta.url).pathname;
// esbuild makes no modules of WebAssembly; for such bundlers the package has it within its script.
const conditions = ["webpack"];
const bundle = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", conditions });
const script = bundle.outputFiles[0].text;

// A page that Playwright serves is at no address that Chromium knows, so it may not reach this machine's.
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-features=LocalNetworkAccessChecks"];

async function launch(t) {
  const executablePath = process.env.STUDYHALL_CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  t.after(() => browser.close());
  return browser;
}

/** A page of an app at the server's own address, in a browser of its own, that somebody has signed in to. */
async function page(browser, { hall, name }) {
  const context = await browser.newContext({ baseURL: `http://127.0.0.1:${hall.ports[0]}` });
  const shown = await context.newPage();
  const serves = (path, contentType, body) => shown.route(path, (route) => route.fulfill({ contentType, body }));
  await serves("**/app.html", "text/html", "<script type=module src=/app.js></script>");
  await serves("**/app.js", "text/javascript", script);
  await shown.goto("/app.html");
  await shown.waitForFunction("globalThis.app");
  const status = await shown.evaluate(async (body) => {
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/v1/auth/login", { method: "POST", headers, body })).status;
  }, JSON.stringify({ email: `${name}@example.org`, password: `seven geese over the ${name} lake` }));
  assert.equal(status, 200);
  return shown;
}

/** What an open document's page is asked, by name. */
function sheet(shown) {
  const ask = (act) => (said) => shown.evaluate(([act, said]) => globalThis.app[act](said), [act, said]);
  const asks = ["words", "write", "say", "goOffline", "comeBack"].map((act) => [act, ask(act)]);
  return Object.fromEntries(asks);
}

test("two pages in Chromium, signed in by cookies, write, talk, go offline and come back", async (t) => {
  const browser = await launch(t);
  const { hall, ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const note = await automergeNote(ada, { room_id: room, is_shared: true, text: "Hello" });
  const pages = await Promise.all([page(browser, ada), page(browser, ben)]);
  const url = [`${hall.sockets}/automerge`, note.document_url];
  for (const shown of pages) await shown.evaluate(([sockets, url]) => globalThis.app.open(sockets, url), url);
  const [here, there] = pages.map(sheet);
  const node = await (await phone(ada)).open(note.document_url);
  const all = async (...words) => {
    const has = async (read) => words.every((word) => read.includes(word));
    const reads = async () => [await here.words(), await there.words(), node.words];
    await until(async () => (await Promise.all((await reads()).map(has))).every(Boolean), `all read ${words}`);
    assert.equal(new Set(await reads()).size, 1);
  };

  await here.write(", from a page");
  await there.write(", from another");
  node.write(", from Node");
  await all(", from a page", ", from another", ", from Node");

  await here.say({ cursor: 7 });
  const heard = () => pages[1].evaluate(() => globalThis.app.heard);
  await until(async () => (await heard()).length > 0, "the other page hears it");
  assert.deepEqual(await heard(), [{ cursor: 7 }]);
  await here.write(", after it");
  await all(", after it");
  for (const shown of pages) assert.deepEqual(await shown.evaluate(() => globalThis.app.codes), []);

  await there.goOffline();
  await there.write(", offline");
  await here.write(", meanwhile");
  await node.has(", meanwhile");
  assert.ok(!node.words.includes(", offline"));
  await there.comeBack();
  await all(", offline", ", meanwhile");

  // And when nobody asked for it.
  await hall.kill();
  await here.write(", without a server");
  await there.write(", nor here");
  await hall.start();
  await all(", without a server", ", nor here");
  await until(async () => (await ada.send("GET", `/notes/${note.id}`)).text === node.words, "REST shows the same");
});
