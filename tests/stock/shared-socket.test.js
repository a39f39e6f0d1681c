// Many documents on one Hocuspocus socket.
import assert from "node:assert/strict";
import test from "node:test";
import * as four from "@hocuspocus/provider";
import * as three from "hocuspocus-provider-3";
import * as Y from "yjs";
import { Desk, Socket, hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";
import { until } from "./until.js";

const versions = [
  { name: "@hocuspocus/provider 4.8.0", ...four },
  { name: "@hocuspocus/provider 3.4.4", ...three },
];

for (const { name, HocuspocusProvider, HocuspocusProviderWebsocket } of versions) {
  const line = (t, person) => {
    const url = `${person.hall.sockets}/hocuspocus`;
    const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: Socket });
    t.after(() => socket.destroy());
    return socket;
  };
  const attach = (t, person, websocketProvider, note, options = {}) => {
    const token = () => person.access;
    const document = new Y.Doc();
    const settings = { name: note, document, token, websocketProvider, ...options };
    const provider = new HocuspocusProvider(settings);
    provider.attach();
    return new Desk(t, note, provider);
  };
  const { sit } = hocuspocusClients.find((client) => client.name === name);

  test(`${name}: two notes on one socket, one is left and the other goes on`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const socket = line(t, ada);
    const notes = [await ada.note(), await ada.note()];
    const [first, second] = notes.map((note) => attach(t, ada, socket, note));
    const [otherFirst, otherSecond] = notes.map((note) => sit(t, ada, note));
    first.write("first");
    second.write("second");
    await Promise.all([otherFirst.reads("first"), otherSecond.reads("second")]);
    first.provider.detach();
    second.write(" goes on");
    await Promise.all([otherSecond.reads("second goes on"), second.saved()]);
    otherSecond.write("!");
    await second.reads("second goes on!");
  });

  test(`${name}: a note that is closed and opened again while offline is saved when the network is back`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const socket = line(t, ada);
    const note = await ada.note();
    const before = attach(t, ada, socket, note);
    const other = sit(t, ada, note);
    before.write("seen");
    await other.reads("seen");
    socket.disconnect();
    await until(() => socket.status === "disconnected", "offline");
    // What an app does that changes its screens: the same document in a new provider.
    const { document } = before.provider;
    before.provider.destroy();
    const again = attach(t, ada, socket, note, { document });
    again.write(" offline");
    socket.connect();
    await again.synced();
    again.write(" and on");
    await other.reads("seen offline and on");
    await again.saved();
    other.write("!");
    await again.reads("seen offline and on!");
  });

  test(`${name}: a refused note leaves the others on its socket alone`, async (t) => {
    const { ada } = await cast(t, ["ada"]);
    const socket = line(t, ada);
    const good = attach(t, ada, socket, await ada.note());
    let refused = false;
    const onAuthenticationFailed = () => (refused = true);
    attach(t, ada, socket, "note:000000000000000000000000", { onAuthenticationFailed });
    await until(() => refused, "the unknown note is refused");
    good.write("still here");
    await good.saved();
    assert.equal(good.provider.synced, true);
  });

  if (name.includes(" 4.")) {
    test(`${name}: the same note twice on one socket, told apart by session`, async (t) => {
      const { ada } = await cast(t, ["ada"]);
      const socket = line(t, ada);
      const note = await ada.note();
      const twice = { sessionAwareness: true };
      const [left, right] = [attach(t, ada, socket, note, twice), attach(t, ada, socket, note, twice)];
      left.write("from the left");
      await right.reads("from the left");
      right.write(", and back");
      await left.reads("from the left, and back");
      await Promise.all([left.saved(), right.saved()]);
    });
  }
}
