// What one person asks by REST at one node and then at another, when those have not heard of each other: what was
// answered is done, and what cannot be done is not.
import assert from "node:assert/strict";
import test from "node:test";
import { clients } from "./clients.js";
import { installation, installationOverLines } from "./installation.js";
import { until } from "./until.js";

/** Ada at both nodes, with a note, a todo and a room's timer that both have open, while Redis is away. */
async function scene(t) {
  const { bus, there, ada, note: shared } = await installation(t);
  const each = [ada, ada.at(there)];
  const { room_id: room } = await ada.send("GET", `/notes/${shared.slice("note:".length)}`);
  const note = (await ada.send("POST", "/notes", { text: "milk" })).id;
  const todo = (await ada.send("POST", "/todos", { text: "read" })).id;
  for (const person of each) {
    await person.send("PUT", `/notes/${note}`, { text: "milk" });
    await person.send("PUT", `/todos/${todo}/reopen`);
    await person.send("PUT", `/rooms/${room}/timer`, { action: "pause" });
  }
  await bus.kill();
  return { each, room, note, todo };
}

test("Redis is away: what is answered at one node is done, whatever the other one wrote before", async (t) => {
  const { each, room, note, todo } = await scene(t);
  for (const [one, other] of [each, [...each].reverse()]) {
    assert.equal((await one.send("PUT", `/todos/${todo}/complete`)).is_completed, true);
    assert.equal((await other.send("PUT", `/todos/${todo}/reopen`)).is_completed, false);
    assert.equal((await one.send("GET", `/todos/${todo}`)).is_completed, false);
    await one.send("PUT", `/notes/${note}`, { text: "milk and bread" });
    assert.equal((await other.send("GET", `/notes/${note}`)).text, "milk and bread");
    assert.equal((await other.send("PUT", `/notes/${note}`, { text: "milk" })).text, "milk");
    assert.equal((await one.send("GET", `/notes/${note}`)).text, "milk");
    const act = async (person, action) => (await person.send("PUT", `/rooms/${room}/timer`, { action })).timer;
    assert.equal((await act(one, "start")).paused_remaining_s ?? null, null, "it runs");
    assert.notEqual((await act(other, "pause")).paused_remaining_s ?? null, null, "it stands still");
    const made = (await one.send("POST", "/todos", { text: "new" })).id;
    assert.equal((await other.send("PUT", `/todos/${made}/complete`)).is_completed, true, "it is there");
  }
});

test("Redis is away: a tag that a node has given is the note's there", async (t) => {
  const { each, note } = await scene(t);
  await each[0].send("PUT", `/notes/${note}`, { text: "milk and bread" });
  const shown = await each[1].ask("GET", `/notes/${note}`);
  await shown.text();
  const url = `http://127.0.0.1:${each[1].hall.ports[0]}/api/v1/notes/${note}`;
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${each[1].access}`,
    "if-match": shown.headers.get("etag"),
  };
  const put = await fetch(url, { method: "PUT", headers, body: JSON.stringify({ text: "milk and butter" }) });
  assert.deepEqual([put.status, (await put.json()).text], [200, "milk and butter"]);
});

test("who writes alone is answered what they put, though one node cannot tell the other, or is killed in a put", async (t) => {
  const { here, there, ada, lines } = await installationOverLines(t);
  const each = [ada, ada.at(there)];
  const words = ["Name: Ada", "Name: Ada Lovelace", "Name: Ada King", "Name: Countess of Lovelace", "Born in London", "Mathematician"];
  for (const at of [1, 2, 3]) {
    const { id } = await each[0].send("POST", "/notes", { text: "Name:" });
    for (const [step, text] of words.entries()) {
      if (step === at) {
        lines.bus.hold();
        lines.bus.cut();
        await new Promise((resolve) => setTimeout(resolve, 800)); // the node is to see that Redis is away
      }
      if (step === at + 2) lines.bus.release();
      const person = each[(step + at) % 2];
      await until(async () => (await person.ask("GET", "/auth/me")).ok, "the node answers");
      assert.equal((await person.send("PUT", `/notes/${id}`, { text })).text, text);
    }
  }
  const { id } = await each[0].send("POST", "/notes", { text: "Sunday: rest" });
  await each[1].send("GET", `/notes/${id}`);
  for (const [day, pause] of ["Monday: bread", "Tuesday: apples", "Wednesday: pears"].map((text, n) => [text, n * 8])) {
    const cut = each[0].ask("PUT", `/notes/${id}`, { text: day }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, pause));
    await here.kill();
    await cut;
    const next = `${day} again, and more`;
    assert.equal((await each[1].send("PUT", `/notes/${id}`, { text: next })).text, next);
    await here.start();
  }
});

test("what somebody's phone wrote while Redis was away, or since, stays when an old text box of theirs is saved", async (t) => {
  const { bus, there, ada } = await installation(t);
  const laptop = ada.at(there);
  const paths = [];
  for (const kind of ["notes", "todos"]) {
    const { id } = await ada.send("POST", `/${kind}`, { text: "To buy: milk" });
    paths.push(`/${kind}/${id}`);
    await laptop.send("GET", paths.at(-1));
  }
  const phone = await ada.signsInAgain();
  const adds = async (path, words) => {
    const { text } = await phone.send("GET", path);
    await phone.send("PUT", path, { text: `${text}${words}` });
  };
  await bus.kill();
  await adds(paths[0], " and eggs");
  await bus.start();
  await until(async () => (await laptop.ask("GET", "/auth/me")).ok, "all is well");
  await new Promise((resolve) => setTimeout(resolve, 1500)); // nodes look twice a second what Redis has lost
  await adds(paths[1], " and eggs");
  for (const path of paths) {
    assert.equal((await laptop.send("PUT", path, { text: "To buy: milk" })).text, "To buy: milk and eggs", path);
  }
});

for (const client of clients) {
  test(`${client.name}: a node that slept does nothing for who was put out meanwhile`, async (t) => {
    const { there, ada, ben, note } = await installation(t);
    const path = `/notes/${note.slice("note:".length)}`;
    const { room_id: room } = await ada.send("GET", path);
    const desk = await client.sit(t, ben, note);
    await desk.synced();
    desk.write("<before>");
    await desk.saved();
    there.program.kill("SIGSTOP");
    await ben.at(ada.hall).send("POST", `/rooms/${room}/leave`);
    desk.write("<typed after>");
    const put = ben.ask("PUT", path, { text: "put after" });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    there.program.kill("SIGCONT");
    assert.equal((await put).status, 404);
    // Whatever the node does with what waited for it, it does before this.
    // It makes nothing for a moment: whoever sent it may have said more at another node meanwhile.
    await until(async () => (await ada.at(there).ask("PUT", path, { text: "hers, too" })).ok, "hers is put");
    await until(async () => (await ben.ask("GET", path)).status === 404, "he is out");
    const { text } = await ada.send("GET", path);
    assert.ok(text.includes("too") && !text.includes("after"), text);
  });
}

test("a node that slept makes no put that its writer has given up, and said more elsewhere since", async (t) => {
  const { here, there, ada, note } = await installation(t);
  const { room_id: room } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  const kinds = ["notes", "todos", "notes", "todos"];
  const made = kinds.map((kind) => ada.send("POST", `/${kind}`, { text: "alpha", room_id: room, is_shared: true }));
  const paths = (await Promise.all(made)).map(({ id }, number) => `/${kinds[number]}/${id}`);
  for (const path of paths) await ada.at(there).send("GET", path);
  there.program.kill("SIGSTOP");
  const given = paths.map((path) => {
    const body = JSON.stringify({ text: "alpha\nadaline" });
    const headers = { "content-type": "application/json", authorization: `Bearer ${ada.access}` };
    const url = `http://127.0.0.1:${there.ports[0]}/api/v1${path}`;
    return fetch(url, { method: "PUT", headers, body, signal: AbortSignal.timeout(800) }).catch(() => {});
  });
  await Promise.all(given);
  for (const path of paths) {
    for (const text of ["alpha\nadaline", "alpha\nadaline\nmore"]) await ada.at(here).send("PUT", path, { text });
  }
  await new Promise((resolve) => setTimeout(resolve, 1500));
  there.program.kill("SIGCONT");
  const puts = async () => (await ada.at(there).ask("PUT", paths[0], { text: "alpha\nadaline\nmore" })).ok;
  await until(puts, "it puts again");
  for (const path of paths) assert.equal((await ada.at(there).send("GET", path)).text, "alpha\nadaline\nmore", path);
});

/** Who writes alone gets what they put, wherever that is. */
async function puts(person, path, text) {
  const answer = await person.send("PUT", path, { text });
  assert.equal(answer.text, text);
}

const days = ["Monday: bread and milk", "Tuesday: apples", "Wednesday: pears", "Thursday: plums", "Friday: nothing"];

test("a node dies under a PUT of somebody who writes alone: what they put next is what the note reads", async (t) => {
  const { here, there, ada } = await installation(t);
  const each = [ada, ada.at(there)];
  for (const [round, victim] of [there, here, there, here, there, here].entries()) {
    const [awake, dying] = victim === there ? each : [...each].reverse();
    const path = `/notes/${(await awake.send("POST", "/notes", {})).id}`;
    await puts(dying, path, days[0]);
    const cut = dying.ask("PUT", path, { text: days[1] }).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 4 * round));
    await victim.kill();
    await cut;
    for (const day of days.slice(2)) await puts(awake, path, day);
    await victim.start();
  }
});

test("Redis restarts, hangs, forgets: what somebody puts who writes alone is what the note reads", async (t) => {
  const { bus, here, there, ada } = await installation(t);
  const each = [ada, ada.at(there)];
  const hears = async (hall) => (await (await hall.admin("GET", "/readyz?verbose")).text()).includes("[+] bus ok");
  // Until a node is in touch with it again, the other one cannot know what was put there.
  const mended = async () => {
    for (const hall of [here, there]) await until(() => hears(hall), "the node is in touch with Redis");
  };
  const faults = [
    () => bus.kill(),
    () => bus.start().then(mended),
    () => bus.pause(),
    async () => (bus.resume(), await mended()),
    () => bus.flush(),
    () => bus.kill().then(() => bus.start()).then(mended),
  ];
  const path = `/notes/${(await ada.send("POST", "/notes", {})).id}`;
  for (const [round, fault] of faults.entries()) {
    for (const [turn, day] of days.entries()) {
      if (turn === 2) await fault();
      await puts(each[(round + turn) % 2], path, day);
    }
  }
});

// The same put twice, at these, with lines of Ben's before, between and behind: what the note says then.
async function putTwice(path, ben, [first, second], between = async () => {}) {
  const base = (await first.send("GET", path)).text;
  const put = { text: `${base}\neggs`, base };
  const adds = async (line) => {
    const { text } = await ben.send("GET", path);
    await ben.send("PUT", path, { text: `${text}\n${line}`, base: text });
  };
  await adds("milk");
  await first.ask("PUT", path, put).then((answer) => answer.text()).catch(() => "its node was killed");
  await adds("tea");
  await between();
  return (await second.send("PUT", path, put)).text.split("\n").sort();
}

test("a put with its base whose answer was lost is sent again at the other node: it is there once, whatever Redis knows", async (t) => {
  const { bus, there, ada, ben, note } = await installation(t);
  const { room_id: room } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  const restarts = () => bus.kill().then(() => bus.start());
  for (const fault of [() => {}, () => bus.flush(), restarts, () => bus.kill()]) {
    for (const kind of ["notes", "todos"]) {
      const { id } = await ada.send("POST", `/${kind}`, { text: "Shopping", room_id: room, is_shared: true });
      const lines = await putTwice(`/${kind}/${id}`, ben, [ada, ada.at(there)], async () => void (await fault()));
      assert.deepEqual(lines, ["Shopping", "eggs", "milk", "tea"], `${kind}, ${fault}`);
    }
  }
});

/** A put comes again at the other node, where its writer had opened what they put it into, after Redis forgot and Ben wrote on. */
async function putAgain({ bus, there, ada, ben, note }, text, puts) {
  const { room_id: room } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  for (const kind of ["notes", "todos"]) {
    for (const [put, change, wanted] of puts) {
      const { id } = await ada.send("POST", `/${kind}`, { text, room_id: room, is_shared: true });
      const path = `/${kind}/${id}`;
      await ada.at(there).send("GET", path);
      await ada.send("PUT", path, { text: put, base: text });
      await bus.flush();
      const { text: base } = await ben.send("GET", path);
      await ben.send("PUT", path, { text: change(base), base });
      const again = await ada.at(there).send("PUT", path, { text: put, base: text });
      assert.equal(again.text, wanted, `${kind}: ${put}`);
    }
  }
}

test("a put that also takes out, or moves, is sent again at the node where its writer had opened the note: it is there once", async (t) => {
  const around = (line) => (now) => now.replace(line, `ben 1\n${line}\nben 2`);
  await putAgain(await installation(t), "one\ntwo\nthree\nend.", [
    ["one\neggs\nthree\nend.", around("eggs"), "one\nben 1\neggs\nben 2\nthree\nend."],
    ["one\neggs\ntwo\nthree\nend", around("eggs"), "one\nben 1\neggs\nben 2\ntwo\nthree\nend"],
    ["one\nthree\ntwo\nend.", around("three"), "one\nben 1\nthree\nben 2\ntwo\nend."],
  ]);
});

test("a put of several lines is sent again after Redis forgot, others wrote between and corrected: each is there once", async (t) => {
  const text = "[ ] eggs\nwater energy Monday with chapter\nrice read";
  const adds = (lines) => text.replace("\nrice", `\n${lines.join("\n")}\nrice`);
  const many = Array.from({ length: 20 }, (_, n) => `line ${n} of the lecture`);
  const puts = [
    [adds(["milk", "tea"]), (now) => now.replace("tea", "ben\ntea")],
    [adds(many), (now) => now.replace("line 7 of", "line seven of")],
    [text.replace("water ", "water\n"), (now) => now.split("\n").map((line, n) => `ben ${n}\n${line}`).join("\n")],
  ];
  await putAgain(await installation(t), text, puts.map(([put, change]) => [put, change, change(put)]));
});

test("a node dies under a put with its base of a note in which others write: sent again at the other it is there once", async (t) => {
  const { here, there, ada, ben, note } = await installation(t);
  const { room_id: room } = await ada.send("GET", `/notes/${note.slice("note:".length)}`);
  for (let round = 0; round < 10; round += 1) {
    const { id } = await ada.send("POST", "/notes", { text: "Shopping", room_id: room, is_shared: true });
    const path = `/notes/${id}`;
    const dying = ada.at(there);
    const asked = dying.ask.bind(dying);
    dying.ask = async (method, ...rest) => {
      const answer = asked(method, ...rest);
      if (method !== "PUT") return answer;
      answer.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 4 * round));
      await there.kill();
      return answer;
    };
    const lines = await putTwice(path, ben.at(here), [dying, ada]);
    assert.deepEqual(lines, ["Shopping", "eggs", "milk", "tea"], `round ${round}`);
    await there.start();
  }
});
