// A member who may only read: sees everything, shows as synced, and cannot write.
import assert from "node:assert/strict";
import test from "node:test";
import * as encoding from "lib0/encoding";
import { agree, clients, counting, hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { AWARENESS, Attack } from "./mallory.js";
import { until } from "./until.js";

const readersOnly = { members_can_edit_notes: false };

for (const { name, sit } of clients) {
  test(`${name}: a reader is synced, reads along, and what they type goes nowhere`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben], readersOnly);
    const note = await ada.note({ room_id: room, is_shared: true });
    const [writer, reader] = [await sit(t, ada, note), await sit(t, ben, note)];
    await reader.synced();
    writer.write("read me ");
    await reader.reads("read me ");

    reader.write("not mine to change");
    reader.awareness.setLocalStateField("mark", "after the edit");
    await writer.notices("mark", "after the edit");
    writer.write("still ");
    await writer.saved();
    assert.equal(writer.words, "read me still ");
    const late = await sit(t, ada, note);
    await late.reads("read me still ");
  });
}

for (const { name, sit } of clients) {
  test(`${name}: what is typed while one may only read is saved when one may write again`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    const note = await ada.note({ room_id: room, is_shared: true });
    const [writer, other] = [await sit(t, ada, note), await sit(t, ben, note)];
    await other.synced();
    other.write("at first ");
    await writer.reads("at first ");
    const may = (settings) => ada.send("PUT", `/rooms/${room}`, { settings });
    await may(readersOnly);
    await until(async () => (await ben.ask("PUT", `/notes/${note.slice("note:".length)}`, { text: "" })).status === 403, "he may only read");
    other.write("meanwhile ");
    writer.write("ada ");
    await until(() => other.words.includes("ada "), "he reads along");
    assert.ok(!writer.words.includes("meanwhile"), "it goes nowhere");
    await may({ members_can_edit_notes: true });
    await agree([writer, other], ["at first ", "meanwhile ", "ada "]);
  });
}

for (const { name, sit } of hocuspocusClients) {
  test(`${name}: a reader's empty Step2 is acknowledged, their edit is not`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben], readersOnly);
    const note = await ada.note({ room_id: room, is_shared: true, text: "read me" });
    const reader = sit(t, ben, note);
    await reader.reads("read me");
    await reader.saved();
    assert.equal(reader.provider.authorizedScope, "readonly");
    reader.write("not mine to change");
    reader.awareness.setLocalStateField("mark", "after the edit");
    const writer = sit(t, ada, note);
    await writer.notices("mark", "after the edit");
    assert.equal(reader.provider.unsyncedChanges, 1);
  });

  test(`${name}: a writer becomes a reader without losing the socket`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    const note = await ada.note({ room_id: room, is_shared: true });
    const { attempts, Counting } = counting();
    const writer = sit(t, ada, note);
    const other = sit(t, ben, note, { WebSocketPolyfill: Counting });
    other.write("mine ");
    await writer.reads("mine ");
    await ada.send("PUT", `/rooms/${room}`, { settings: readersOnly });
    await until(() => other.provider.authorizedScope === "readonly", "downgraded in place");
    writer.write("yours");
    await other.reads("mine yours");
    assert.equal(attempts.length, 1);
  });
}

/** An awareness update of one client id. */
function claims(id) {
  const encoder = encoding.createEncoder();
  for (const number of [1, id, 1]) encoding.writeVarUint(encoder, number);
  encoding.writeVarString(encoder, "{}");
  return encoding.toUint8Array(encoder);
}

for (const { name, sit } of hocuspocusClients) {
  test(`${name}: a reader who claims a writer's client id does not keep their words from being saved`, async (t) => {
    const { hall, ada, ben, mallory } = await cast(t, ["ada", "ben", "mallory"]);
    const room = await ada.roomWith([ben, mallory], readersOnly);
    const note = await ada.note({ room_id: room, is_shared: true });
    const writer = sit(t, ada, note);
    await writer.synced();
    await writer.leave();
    writer.write("written on the train");
    await hall.kill();
    await hall.start(); // who was here is forgotten
    const line = await Attack.open(t, mallory, note, "hocuspocus");
    line.send(AWARENESS, claims(writer.doc.clientID));
    await line.answered();
    writer.comeBack();
    await sit(t, ben, note).reads("written on the train");
    await writer.saved();
  });
}

for (const { name, sit } of hocuspocusClients) {
  test(`${name}: a reader who spells the note's name otherwise gets nothing, and takes nothing from others`, async (t) => {
    const { ada, ben, mallory } = await cast(t, ["ada", "ben", "mallory"]);
    const note = await ada.noteWith([ben, mallory]);
    let denied = 0;
    const capitals = note.replace(/[0-9a-f]{24}$/, (id) => id.toUpperCase());
    const other = sit(t, mallory, capitals, { onAuthenticationFailed: () => (denied += 1) });
    await until(() => denied, "there is no such document");
    const [writer, reader] = [sit(t, ada, note), sit(t, ben, note)];
    await Promise.all([writer.synced(), reader.synced()]);
    writer.write("for all to read");
    await reader.reads("for all to read");
    assert.equal(other.words, "");
  });
}
