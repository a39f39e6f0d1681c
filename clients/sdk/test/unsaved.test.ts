/** How many edits only this device has: over reloads and over tabs. */
import { expect, it } from "vitest";
import { memory } from "../src/storage.js";
import { UnsavedLedger } from "../src/unsaved.js";

const kept = async () => {};

function ledger(storage = memory()) {
  return { storage, ledger: new UnsavedLedger(storage, "unsaved/") };
}

it("counts on after a reload, and nothing is left after the acknowledgement", async () => {
  const { ledger: book } = ledger();
  const before = await book.open("n", 1, kept);
  before.edited();
  before.edited();
  await before.flushed();
  const after = await book.open("n", 2, kept);
  after.edited();
  expect(after.total).toBe(3);
  await after.flushed();
  expect(await book.counts()).toEqual(new Map([["n", 3]]));
  after.took(after.found);
  after.settled();
  await after.flushed();
  expect(await book.counts()).toEqual(new Map());
});

it("leaves to another tab what that tab wrote since", async () => {
  const { ledger: book } = ledger();
  const one = await book.open("n", 1, kept);
  one.edited();
  await one.flushed();
  const two = await book.open("n", 2, kept);
  one.edited();
  await one.flushed();
  two.took(two.found);
  two.settled();
  await two.flushed();
  expect(await book.counts()).toEqual(new Map([["n", 2]]));
});

it("settles of what others count only what the document was loaded with", async () => {
  const { ledger: book } = ledger();
  const one = await book.open("n", 1, kept);
  const two = await book.open("n", 2, kept);
  one.edited();
  await one.flushed();
  await two.look();
  const loadedWith = two.found;
  one.edited();
  await one.flushed();
  await two.look();
  two.took(loadedWith);
  two.settled();
  await two.flushed();
  expect([two.total, await book.counts()]).toEqual([2, new Map([["n", 2]])]);
  two.took(two.found);
  two.settled();
  await two.flushed();
  expect([two.total, await book.counts()]).toEqual([0, new Map()]);
});

it("says that edits are kept only when the document and the count are", async () => {
  const { ledger: book } = ledger();
  let written = () => {};
  const document = new Promise<void>((resolve) => (written = resolve));
  const count = await book.open("n", 1, () => document);
  count.edited();
  await Promise.resolve();
  expect(count.kept).toBe(false);
  expect(await book.counts()).toEqual(new Map());
  written();
  await count.flushed();
  expect(count.kept).toBe(true);
  expect(await book.counts()).toEqual(new Map([["n", 1]]));
});
