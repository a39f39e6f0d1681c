/** The network goes without a word: nothing that is sent arrives, and no socket hears that it is closed. */
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate } from "y-protocols/awareness";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import * as Y from "yjs";
import { Acks, counted } from "../src/acks.js";
import { localExclusive } from "../src/locks.js";
import { memory } from "../src/storage.js";
import { credentials, FakeServer, openHall } from "./cast.js";
import { Wire } from "./wire.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Ada at a note in which Ben is seen too. */
async function adaBesideBen() {
  const [server, wire] = [new FakeServer(), new Wire()];
  const hall = await openHall(server, memory(), localExclusive(), wire.socket);
  await hall.login(credentials);
  const note = await hall.notes.open(await hall.notes.create({ title: "Optics" }));
  await vi.advanceTimersByTimeAsync(100);
  expect(note.status.get().state).toBe("saved");
  const ben = new Awareness(new Y.Doc());
  ben.setLocalState({ user: { name: "Ben" } });
  applyAwarenessUpdate(note.awareness, encodeAwarenessUpdate(ben, [ben.clientID]), "wire");
  ben.destroy();
  const network = (connected: boolean) => {
    server.down = !connected;
    wire.connected = connected;
  };
  return { wire, hall, note, network, ben: ben.clientID };
}

it("shows nobody else as soon as that is known, and connects again at once when it is back", async () => {
  const { wire, hall, note, network, ben } = await adaBesideBen();
  expect([...note.awareness.getStates().keys()]).toContain(ben);
  network(false);
  await expect(hall.notes.list()).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(10);
  expect(note.status.get().state).toBe("offline");
  expect([...note.awareness.getStates().keys()]).toEqual([note.doc.clientID]);
  note.doc.getText("content").insert(0, "written without a network");
  network(true);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(note.status.get().state).toBe("saved");
  expect(wire.document(`note:${note.id}`).getText("content").toString()).toBe("written without a network");
  await note.close();
  await hall.close();
});

it("counts nothing that is still said on a socket that was left", () => {
  const acks = new Acks();
  const received = vi.spyOn(acks, "received");
  const socket = new (counted(new Wire().socket as unknown as typeof WebSocket, acks))("ws://hall.test");
  const says = () => socket.dispatchEvent(new MessageEvent("message", { data: new ArrayBuffer(8) }));
  says();
  expect(received).toHaveBeenCalledOnce();
  socket.close();
  says();
  expect(received).toHaveBeenCalledOnce();
});
