// Rights while connected: a token that ends, a login that is revoked, a member who may only read.
import assert from "node:assert/strict";
import test from "node:test";
import WebSocket from "ws";
import { counting, hocuspocusClients, yWebsocketClients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

for (const { name, sit } of hocuspocusClients) {
  test(`${name}: what was written waits for a better token after a wrong one, on the same socket`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    let asked = 0;
    const desk = sit(t, ada, await ada.note(), {
      token: () => (asked++ === 0 ? "wrong" : ada.access),
      onAuthenticationFailed: () => desk.provider.sendToken(),
    });
    desk.write("in spite of it");
    await desk.saved();
    assert.equal(desk.provider.synced, true);
    assert.ok(asked > 1);
  });

  test(`${name}: when the token ends it is asked for a fresh one, on the same socket`, async (t) => {
    const { ada } = await cast(t, ["ada"], "--access-ttl", "5s");
    const note = await ada.note();
    let asked = 0;
    const token = async () => (asked++ ? ada.refresh() : ada.access);
    const { attempts, Counting } = counting();
    const desk = sit(t, ada, note, { token, WebSocketPolyfill: Counting });
    await desk.synced();
    await until(() => asked >= 3, () => `asked for a fresh token twice, ${asked} times in all`, 30);
    desk.write("after two tokens");
    await desk.saved();
    assert.equal(attempts.length, 1, "the socket stayed open");
    const other = sit(t, ada, note, { token });
    await other.reads("after two tokens");
  });

  test(`${name}: a reusable ticket is a token as well, and ends with its login`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const note = await ada.note();
    const ticket = await ada.ticket();
    const desk = sit(t, ada, note, { token: ticket });
    desk.write("by ticket");
    await desk.saved();
    await desk.synced();
    await ada.logout();
    let refusal = null;
    const onAuthenticationFailed = ({ reason }) => (refusal = reason);
    sit(t, ada, note, { token: ticket, onAuthenticationFailed });
    await until(() => refusal, "the ticket has ended");
    assert.equal(refusal, "not-authenticated");
  });

  test(`${name}: an unknown note is refused, with a reason`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    let refusal = null;
    const onAuthenticationFailed = ({ reason }) => (refusal = reason);
    sit(t, ada, "note:000000000000000000000000", { onAuthenticationFailed });
    await until(() => refusal === "not-found", () => `refused as not-found, but ${refusal}`);
  });

  test(`${name}: a stranger is refused as if the note were not there`, async (t) => {
    const { ada, eve } = await cast(t, ["ada", "eve"]);
    const note = await ada.note();
    let refusal = null;
    const onAuthenticationFailed = ({ reason }) => (refusal = reason);
    sit(t, eve, note, { onAuthenticationFailed });
    await until(() => refusal === "not-found", () => `refused as not-found, but ${refusal}`);
  });
}

const [three, two] = yWebsocketClients;

test(`${three.name}: a revoked login stops it for good`, async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const note = await ada.note();
  const { attempts, Counting } = counting();
  const desk = await three.sit(t, ada, note, { WebSocketPolyfill: Counting });
  await desk.synced();
  let closed = null;
  desk.provider.on("closed", ({ code }) => (closed = code));
  await ada.logout();
  await until(() => closed === 4401, () => `closed with 4401, but ${closed}`);
  assert.equal(desk.provider.shouldConnect, false);
  assert.equal(attempts.length, 1);
});

const taken = {
  "a revoked login": ({ ben }) => ben.logout(),
  "a note that was taken from somebody": ({ ada, note }) => ada.send("PUT", `/notes/${note.slice("note:".length)}`, { is_shared: false }),
  "a note that is deleted": ({ ada, note }) => ada.send("DELETE", `/notes/${note.slice("note:".length)}`),
};
for (const [what, take] of Object.entries(taken)) {
  test(`${two.name}: ${what} does not make it spin`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const note = await ada.note({ room_id: await ada.roomWith([ben]), is_shared: true });
    const { attempts, Counting } = counting();
    const desk = await two.sit(t, ben, note, { WebSocketPolyfill: Counting });
    await desk.synced();
    await take({ ada, ben, note });
    // It tries again after every code: an upgrade that is refused makes it wait longer each time. A note that
    // is gone it is told of once more, through a socket, before that.
    await until(() => attempts.length >= 7, () => `seven attempts, there are ${attempts.length}`, 30);
    const waits = attempts.slice(3, 7).map((at, n) => at - attempts[n + 2]);
    for (const [n, wait] of waits.entries()) {
      assert.ok(wait >= 100 * 2 ** n - 20, `waited ${waits} ms between attempts`);
    }
    assert.equal(desk.provider.wsconnected, false);
  });
}

const nowhere = ["my-room", "note:xyz"];
for (const name of nowhere) {
  test(`${two.name}: ${name}, which can never be a document, does not make it spin`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const { attempts, Counting } = counting();
    const desk = await two.sit(t, ada, name, { WebSocketPolyfill: Counting });
    await until(() => attempts.length >= 6, () => `six attempts, there are ${attempts.length}`, 30);
    const waits = attempts.slice(2, 6).map((at, n) => at - attempts[n + 1]);
    for (const [n, wait] of waits.entries()) {
      assert.ok(wait >= 100 * 2 ** n - 20, `waited ${waits} ms between attempts`);
    }
    assert.equal(desk.provider.wsconnected, false);
  });

  test(`${three.name}: ${name}, which can never be a document, stops it for good`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const { attempts, Counting } = counting();
    const desk = await three.sit(t, ada, name, { WebSocketPolyfill: Counting });
    await until(() => desk.provider.shouldConnect === false, "it was told by a code");
    assert.equal(attempts.length, 1);
  });
}

for (const path of ["yjs", "automerge"]) {
  test(`/sync/${path}: a socket ends with the token in its header, and lives as long as the login by cookie`, async (t) => {
    const { ada } = await cast(t, ["ada"], "--access-ttl", "3s");
    const url = `${ada.hall.sockets}/${path}${path === "yjs" ? `/${await ada.note()}` : ""}`;
    const opened = (headers) => {
      const socket = new WebSocket(url, { headers });
      t.after(() => socket.terminate());
      socket.on("close", (code, reason) => (socket.ended = `${code} ${reason}`));
      return socket;
    };
    const access = await ada.refresh();
    const begun = Date.now();
    const byHeader = opened({ authorization: `Bearer ${access}` });
    const byCookie = opened({ cookie: `studyhall-access=${access}` });
    await until(() => byHeader.ended, "the token has ended", 10);
    assert.equal(byHeader.ended, "1012 token-expired");
    const lasted = Date.now() - begun;
    assert.ok(lasted > 1_900 && lasted < 4_500, `closed within a second of three, after ${lasted} ms`);
    assert.equal(byCookie.readyState, WebSocket.OPEN);
    await ada.refresh();
    await ada.logout();
    await until(() => byCookie.ended, "the login has ended", 10);
    assert.equal(byCookie.ended, "4401 login-revoked");
  });
}

for (const { name, sit } of yWebsocketClients) {
  test(`${name}: who shows a fresh token in its header comes again when the old one ends, with all that was written`, async (t) => {
    const { ada } = await cast(t, ["ada"], "--access-ttl", "3s");
    const note = await ada.note();
    const attempts = [];
    class WithHeader extends WebSocket {
      constructor(url) {
        super(url.split("?")[0], { headers: { authorization: `Bearer ${ada.access}` } });
        attempts.push(Date.now());
      }
    }
    await ada.refresh();
    const desk = await sit(t, ada, note, { WebSocketPolyfill: WithHeader });
    await desk.synced();
    const refreshing = setInterval(() => ada.refresh().catch(() => {}), 1_000);
    t.after(() => clearInterval(refreshing));
    let words = "";
    await until(() => {
      desk.write(".");
      words += ".";
      return attempts.length >= 3;
    }, "two tokens have ended");
    desk.write("!");
    const other = hocuspocusClients[0].sit(t, ada, note);
    await other.reads(`${words}!`);
  });
}

test(`${two.name}: a revoked login cannot be used for a new socket`, async (t) => {
  const { ada } = await cast(t, ["ada"]);
  const note = await ada.note();
  const url = `${ada.hall.sockets}/yjs/${note}?ticket=${await ada.ticket()}`;
  await ada.logout();
  const status = await new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.on("unexpected-response", (_, answer) => resolve(answer.statusCode));
    socket.on("open", () => resolve(101));
    socket.on("error", () => {});
    t.after(() => socket.terminate());
  });
  assert.equal(status, 401);
});

for (const path of ["hocuspocus", "yjs/note:000000000000000000000000"]) {
  test(`/sync/${path}: a page of another origin opens no socket`, async (t) => {
    const { hall, ada } = await cast(t, ["ada"]);
    const socket = new WebSocket(`${hall.sockets}/${path}?ticket=${await ada.ticket()}`, {
      origin: "https://evil.example",
    });
    t.after(() => socket.terminate());
    let status = null;
    socket.on("unexpected-response", (_, answer) => (status = answer.statusCode));
    socket.on("error", () => {});
    await until(() => status !== null || socket.readyState === WebSocket.OPEN, "an answer");
    assert.equal(status, 403);
  });
}

test("who is signed out leaves at once, and hears nothing of what is written after", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const note = await ada.noteWith([ben]);
  const here = await hocuspocusClients[0].sit(t, ada, note);
  const there = await yWebsocketClients[0].sit(t, ben, note);
  await Promise.all([here.synced(), there.synced()]);
  there.awareness.setLocalStateField("user", "Ben, here");
  await here.notices("user", "Ben, here");
  // Ben's socket reads nothing for now: what it is sent waits.
  const socket = there.provider.ws._socket;
  socket.pause();
  for (let n = 0; n < 8; n++) {
    // No more at once than may wait for a slow store: beyond that the node refuses.
    for (let piece = 0; piece < 5; piece++) here.write(`<${n}.${piece}>${"x".repeat(200_000)}`);
    await here.saved();
  }
  await ben.logout();
  here.write("<secret>");
  await here.saved();
  const others = () => [...here.awareness.getStates().values()].filter((state) => state.user);
  await until(() => others().length === 0, "Ben's cursor is gone", 5);
  socket.resume();
  await until(() => !there.provider.wsconnected, "Ben's socket is closed");
  assert.ok(!there.words.includes("<secret>"));
});
