/**
 * People at browsers: what they see and do, in their words. Finds everything by role and
 * name, as they do. Knows the screens and nothing of the server's inside.
 */
import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { eventually, PATIENCE_MS } from "./eventually.js";
import { Hall } from "./hall.js";

export { eventually };

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PICTURES = new URL("../../docs/img/", import.meta.url).pathname;

export const browser = await chromium.launch({
  executablePath: process.env.STUDYHALL_CHROMIUM ?? "/usr/bin/chromium",
  args: FLAGS,
});

let count = 0;

/** The server of a file of tests, which closes with its people's browser when they have ended. */
export async function openHall(...flags) {
  const hall = await Hall.open(...flags);
  after(async () => {
    await browser.close();
    await hall.close();
  });
  return hall;
}

/** Another tab of the same person's browser, at the same address. */
export async function anotherTab(person) {
  const page = await person.context.newPage();
  const tab = Object.assign(new Person(person.name, person.context, page), { email: person.email, password: person.password });
  tab.watch();
  await page.goto(person.page.url());
  return tab;
}

/** Somebody with a browser of their own and, unless told otherwise, an account. */
export async function somebody(hall, name, { account = true, ...options } = {}) {
  const context = await browser.newContext({ baseURL: hall.url, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const person = new Person(name, context, page);
  person.watch();
  if (account) await person.signUp();
  return person;
}

export class Person {
  /** Uncaught errors and breaches of the Content-Security-Policy on this person's pages. */
  errors = [];

  constructor(name, context, page) {
    this.name = name;
    this.context = context;
    this.page = page;
    count += 1;
    this.username = `${name.toLowerCase().replace(/[^a-z]/g, "")}${process.pid}x${count}`;
    this.email = `${this.username}@example.org`;
    this.password = `a long sentence that ${name} remembers`;
  }

  /** Notes what goes wrong on this person's page. */
  watch() {
    this.page.on("pageerror", (error) => this.errors.push(error.message));
    this.page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) this.errors.push(message.text());
    });
  }

  async signUp() {
    await this.page.goto("/sign-up");
    await this.fillsSignUp();
    await this.page.getByRole("heading", { name: "Rooms", level: 1 }).waitFor();
  }

  async fillsSignUp() {
    await this.page.getByLabel("Email").fill(this.email);
    await this.page.getByLabel("Username").fill(this.username);
    await this.page.getByLabel("Name that others see").fill(this.name);
    await this.page.getByLabel("Password", { exact: true }).fill(this.password);
    await this.page.getByRole("button", { name: "Create account" }).click();
  }

  async signIn() {
    await this.page.getByLabel("Email").fill(this.email);
    await this.page.getByLabel("Password", { exact: true }).fill(this.password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByRole("button", { name: `Account of ${this.name}` }).waitFor();
  }

  async signOut() {
    await this.page.getByRole("button", { name: `Account of ${this.name}` }).click();
    await this.page.getByRole("menuitem", { name: "Sign out" }).click();
  }

  async goTo(place) {
    await this.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: place }).click();
  }

  async makeRoom(name, description) {
    await this.goTo("Rooms");
    await this.page.getByRole("button", { name: "New room" }).click();
    const dialog = this.page.getByRole("dialog", { name: "New room" });
    await dialog.getByLabel("Name").fill(name);
    if (description) await dialog.getByLabel("What you study there").fill(description);
    await dialog.getByRole("button", { name: "Create room" }).click();
    await this.page.getByRole("heading", { name, level: 1 }).waitFor();
  }

  async inviteCode() {
    await this.page.getByRole("button", { name: "Make an invite code" }).click();
    return (await this.page.getByLabel("Invite code").textContent()).trim();
  }

  async joinRoom(code, name) {
    await this.goTo("Rooms");
    await this.page.getByRole("button", { name: "Join with a code" }).click();
    const dialog = this.page.getByRole("dialog", { name: "Join a room" });
    await dialog.getByLabel("Invite code").fill(code);
    await dialog.getByRole("button", { name: "Join" }).click();
    await this.page.getByRole("heading", { name, level: 1 }).waitFor();
  }

  async makeNote(title) {
    await this.page.getByRole("button", { name: "New note" }).click();
    await this.title.fill(title);
    await this.text.waitFor();
  }

  async openNote(title) {
    await this.page.getByRole("link", { name: title }).click();
    await this.text.waitFor();
  }

  get title() {
    return this.page.getByRole("textbox", { name: "Title" });
  }

  get text() {
    return this.page.getByRole("textbox", { name: "Note text" });
  }

  /** Types at the end of the note's text. */
  async write(words) {
    await this.text.click();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.type(words);
  }

  /** What the note says, without the names on other people's carets. */
  async reads() {
    return this.text.evaluate((element) => {
      const copy = element.cloneNode(true);
      for (const caret of copy.querySelectorAll(".others-caret")) caret.remove();
      return [...copy.children].map((block) => block.textContent.replaceAll("\u2060", "")).join("\n");
    });
  }

  async seesText(words) {
    await this.text
      .filter({ hasText: words })
      .waitFor()
      .catch(async (error) => assert.fail(`${error.message}\nThe note reads: ${JSON.stringify(await this.text.allTextContents())}`));
  }

  /** Opens a room from the list of rooms. */
  async openRoom(name) {
    await this.goTo("Rooms");
    await this.page.getByRole("link", { name }).click();
    await this.page.getByRole("heading", { name, level: 1 }).waitFor();
  }

  /** The list of todos on this screen, and what belongs to it. */
  get todos() {
    return this.page.getByRole("region", { name: /todos/i });
  }

  async addTodo(text) {
    const field = this.todos.getByRole("textbox", { name: "New todo" });
    await field.fill(text);
    await field.press("Enter");
    await this.todos.getByRole("button", { name: `Change: ${text}` }).waitFor();
  }

  async complete(text) {
    await this.todos.getByRole("checkbox", { name: `Done: ${text}` }).check();
  }

  /** Chooses from a todo's menu. */
  async choose(text, item) {
    await this.todos.getByRole("button", { name: `More about “${text}”` }).click();
    await this.page.getByRole("menuitem", { name: item }).click();
  }

  /** Drags a todo to where another one is. */
  async drag(text, to) {
    const middle = async (name) => {
      const { x, y, width, height } = await this.todos.getByRole("button", { name: `Reorder “${name}”` }).boundingBox();
      return [x + width / 2, y + height / 2];
    };
    await this.todos.getByRole("button", { name: `Reorder “${text}”` }).hover();
    const [to_x, to_y] = await middle(to);
    await this.page.mouse.down();
    await this.page.mouse.move(to_x, to_y, { steps: 12 });
    await this.page.mouse.up();
    // For 50 ms after a drop the library lets no click through: nobody clicks faster, but a program does.
    await this.page.waitForTimeout(100);
  }

  /** `a, b ✓` in order, ✓ for what is done. */
  async readsTodos() {
    return this.todos.getByRole("listitem").evaluateAll((rows) =>
      rows
        .map((row) => {
          const done = row.querySelector("input[type=checkbox]").checked;
          return row.querySelector(".todo-text").lastChild.textContent + (done ? " ✓" : "");
        })
        .join(", "),
    );
  }

  async seesTodos(expected) {
    await eventually(() => this.readsTodos(), (list) => list === expected, `${this.name} sees ${expected}`);
  }

  /** Waits until the list's save state says this. */
  async seesListState(words) {
    await this.todos.getByRole("status", { name: "Save state" }).filter({ hasText: words }).waitFor();
  }

  /** What the server's REST API answers to this person. */
  async asks(path) {
    return this.page.evaluate(async (at) => (await fetch(`/api/v1${at}`)).json(), path);
  }

  /** Makes something through the REST API. */
  async posts(path, body) {
    const [status, answer] = await this.page.evaluate(
      async ([at, json]) => {
        const headers = { "content-type": "application/json" };
        const response = await fetch(`/api/v1${at}`, { method: "POST", headers, body: json });
        return [response.status, await response.json()];
      },
      [path, JSON.stringify(body)],
    );
    assert.equal(status, 201, JSON.stringify(answer));
    return answer;
  }

  get saveState() {
    return this.page.getByRole("status", { name: "Save state" });
  }

  /** Waits until the save state says this. */
  async seesState(words) {
    await this.saveState.filter({ hasText: words }).waitFor();
  }

  async seesConnection(words) {
    await this.page.getByRole("status", { name: "Connection" }).filter({ hasText: words }).waitFor();
  }

  /** Waits until this browser keeps the app for when the server is away. */
  async keepsTheApp() {
    await this.page.waitForFunction(
      async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated",
    );
  }

  async databases() {
    return this.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  }

  /** Nothing on this screen that axe calls serious. */
  async findsScreenAccessible(what) {
    const { violations } = await new AxeBuilder({ page: this.page }).analyze();
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const found = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("; ")}`);
    assert.deepEqual(found, [], what);
  }

  /** Leaves a picture for the documents, when they are asked for. */
  async picture(name) {
    if (process.env.STUDYHALL_SCREENSHOTS !== "1") return;
    await mkdir(PICTURES, { recursive: true });
    await this.page.screenshot({ path: `${PICTURES}${name}.png` });
  }
}
