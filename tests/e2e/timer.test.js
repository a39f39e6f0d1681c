/** The room's timer: one clock on every screen, whoever starts it, with or without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, openHall, somebody } from "./people.js";

const hall = await openHall();

async function inOneRoom() {
  const [ada, ben] = [await somebody(hall, "Ada"), await somebody(hall, "Ben")];
  await ada.makeRoom("Biology");
  const room = new URL(ada.page.url()).pathname.split("/").at(-1);
  await ben.joinRoom(await ada.inviteCode(), "Biology");
  return { ada, ben, room };
}

const press = (person, name) => person.page.getByRole("button", { name, exact: true }).click();
const clock = (person) => person.page.getByRole("timer", { name: "Time left" }).textContent();
const phase = (person) => person.page.getByRole("status", { name: "Phase" });
const seesPhase = (person, words) => phase(person).filter({ hasText: words }).waitFor();

function seconds(shown) {
  const [minutes, rest] = shown.split(":").map(Number);
  return minutes * 60 + rest;
}

/** Both clocks show the same, looked at until both looks fall into one second. */
async function showTheSame(one, other) {
  await eventually(
    async () => [await clock(one), await clock(other), await clock(one)],
    ([first, theirs, second]) => first === second && first === theirs,
    "both clocks show the same",
  );
}

test("whoever starts, pauses or skips, both see the same clock", async () => {
  const { ada, ben, room } = await inOneRoom();
  await Promise.all([seesPhase(ada, "Not started, Round 1 of 4"), seesPhase(ben, "Not started, Round 1 of 4")]);
  await press(ada, "Start");
  await seesPhase(ben, "Focus, Round 1 of 4");
  await eventually(() => clock(ben), (shown) => seconds(shown) < 25 * 60, "the clock runs");
  await showTheSame(ada, ben);

  await press(ben, "Pause");
  await seesPhase(ada, "Focus, paused");
  const paused = await clock(ben);
  assert.equal(await clock(ada), paused);
  const { timer } = await ada.asks(`/rooms/${room}/timer`);
  assert.equal(timer.paused_remaining_s, seconds(paused));
  await press(ada, "Go on");
  await eventually(() => clock(ben), (shown) => seconds(shown) < seconds(paused), "it goes on where it stood");
  await showTheSame(ada, ben);

  await ada.page.getByRole("button", { name: "Lengths of phases" }).click();
  await ada.page.getByLabel("Short break, minutes").fill("7");
  await ada.page.keyboard.press("Escape");
  await press(ben, "Skip to the next phase");
  await seesPhase(ada, "Short break, Round 1 of 4");
  await eventually(() => clock(ada), (shown) => seconds(shown) > 6 * 60 + 50, "seven minutes, as Ada has set");
  await press(ada, "Reset the timer");
  await seesPhase(ben, "Not started");
  assert.equal((await eventually(() => ben.asks(`/rooms/${room}/timer`), (view) => view.timer === null, "reset")).config.short_break_s, 420);
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("who is offline sees the same clock, and what they do to it counts when they are back", async () => {
  const { ada, ben, room } = await inOneRoom();
  await press(ada, "Start");
  await seesPhase(ben, "Focus");
  await ben.context.setOffline(true);
  await ben.seesConnection("Offline");
  const before = await clock(ben);
  await eventually(() => clock(ben), (shown) => seconds(shown) < seconds(before), "it runs on");
  await showTheSame(ada, ben);
  await press(ben, "Pause");
  const paused = await clock(ben);
  await ben.page.getByRole("region", { name: "Timer of this room" }).getByText("Offline: 1 edit kept here").waitFor();

  await ben.context.setOffline(false);
  await seesPhase(ada, "Focus, paused");
  assert.equal(await clock(ada), paused);
  await eventually(
    async () => (await ben.asks(`/rooms/${room}/timer`)).timer.paused_remaining_s,
    (left) => left === seconds(paused),
    "the server has it too",
  );
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});

test("a device whose clock is ten minutes wrong shows the same timer", async () => {
  const { ada, ben } = await inOneRoom();
  await press(ada, "Start");
  await seesPhase(ben, "Focus");
  await ben.page.clock.install({ time: Date.now() + 600_000 });
  await ben.page.reload();
  await seesPhase(ben, "Focus");
  const apart = async () => Math.abs(seconds(await clock(ada)) - seconds(await clock(ben)));
  await eventually(apart, (difference) => difference <= 1, "both clocks show the same, but for the server's whole seconds");
  assert.ok((await ben.page.evaluate(() => Date.now())) > Date.now() + 500_000, "Ben's clock is wrong");
  await press(ben, "Pause");
  await seesPhase(ada, "Focus, paused");
  assert.ok(seconds(await clock(ada)) > 24 * 60, "nothing jumped");
  assert.deepEqual([...ada.errors, ...ben.errors], []);
});
