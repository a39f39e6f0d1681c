// The stock clients from npm, unmodified, behind one face: a desk is one client at one document.
import { HocuspocusProvider as Hocuspocus4 } from "@hocuspocus/provider";
import { HocuspocusProvider as Hocuspocus3 } from "hocuspocus-provider-3";
import WebSocket from "ws";
import { WebsocketProvider as YWebsocket3 } from "y-websocket";
import { WebsocketProvider as YWebsocket2 } from "y-websocket-2";
import * as Y from "yjs";
import { until } from "./until.js";

/** Every client version that must work: `{ name, sit(t, person, document) → Desk }`. */
export const hocuspocusClients = [
  { name: "@hocuspocus/provider 4.8.0", sit: hocuspocus(Hocuspocus4) },
  { name: "@hocuspocus/provider 3.4.4", sit: hocuspocus(Hocuspocus3) },
];
export const yWebsocketClients = [
  { name: "y-websocket 3.1.0", sit: yWebsocket(YWebsocket3) },
  { name: "y-websocket 2.1.0", sit: yWebsocket(YWebsocket2) },
];
export const clients = [...hocuspocusClients, ...yWebsocketClients];

/** As in a browser: a socket that is closed while it connects fails, and ends no program when nobody listens. */
export class Socket extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on("error", () => {});
  }
}

export class Desk {
  constructor(t, document, provider) {
    Object.assign(this, { document, doc: provider.document ?? provider.doc, provider });
    this.text = this.doc.getText("content");
    t.after(() => this.close());
  }

  get awareness() {
    return this.provider.awareness;
  }

  get words() {
    return this.text.toString();
  }

  write(words) {
    this.text.insert(this.text.length, words);
  }

  /** Goes offline, as a laptop that is closed, and is offline when this resolves. */
  leave() {
    this.provider.disconnect();
    return until(() => !this.online, "offline");
  }

  get online() {
    const socket = this.provider.configuration?.websocketProvider;
    return socket ? socket.status !== "disconnected" : this.provider.wsconnected;
  }

  comeBack() {
    this.provider.connect();
  }

  /** The document is in step with the server. */
  synced() {
    return until(() => this.provider.synced, `${this.document} synced`);
  }

  reads(words) {
    return until(() => this.words === words, () => `reads "${brief(words)}", has "${brief(this.words)}"`);
  }

  /** Everything that was written here is saved, as far as this client can tell. */
  saved() {
    return until(
      () => !this.provider.unsyncedChanges,
      () => `saved, ${this.provider.unsyncedChanges} changes are not`,
    );
  }

  /** Sees this value in the awareness of somebody else. */
  notices(field, value) {
    const others = () => [...this.awareness.getStates()].filter(([id]) => id !== this.doc.clientID);
    return until(
      () => others().some(([, state]) => state[field] === value),
      () => `notices ${field} = ${value}, sees ${JSON.stringify(others())}`,
    );
  }

  close() {
    this.provider.destroy();
    this.doc.destroy();
  }
}

function brief(words) {
  return words.length > 300 ? `…${words.slice(-300)}` : words;
}

function hocuspocus(Provider) {
  return (t, person, document, options = {}) => {
    const provider = new Provider({
      url: `${person.hall.sockets}/hocuspocus`,
      name: document,
      document: new Y.Doc(),
      token: () => person.access,
      WebSocketPolyfill: Socket,
      // A second is the least that a person waits; a test need not.
      minDelay: 50,
      delay: 50,
      ...options,
    });
    return new Desk(t, document, provider);
  };
}

function yWebsocket(Provider) {
  return async (t, person, document, options = {}) => {
    const ticket = await person.ticket();
    const provider = new Provider(`${person.hall.sockets}/yjs`, document, new Y.Doc(), {
      WebSocketPolyfill: Socket,
      params: { ticket },
      // Two tabs of one browser would meet here without the server.
      disableBc: true,
      ...options,
    });
    return new Desk(t, document, provider);
  };
}

/** A WebSocket class that counts: the client stays as it is, its attempts are seen. */
export function counting() {
  const attempts = [];
  class Counting extends Socket {
    constructor(...args) {
      super(...args);
      attempts.push(Date.now());
    }
  }
  return { attempts, Counting };
}

/** Both have the same words, and these. */
export async function agree(desks, words) {
  await until(
    () => desks.every((desk) => desk.words === desks[0].words && hasAll(desk.words, words)),
    () => `agree on ${brief(String(words))}: ${desks.map((desk) => JSON.stringify(brief(desk.words))).join(", ")}`,
  );
}

function hasAll(text, words) {
  return words.every((word) => text.split(word).length === 2);
}
