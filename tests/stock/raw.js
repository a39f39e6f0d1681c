// A y-websocket client reduced to its frames: what a stock client hides is read on the wire.
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import * as awarenessProtocol from "y-protocols/awareness";
import * as sync from "y-protocols/sync";
import WebSocket from "ws";
import * as Y from "yjs";
import { until } from "./until.js";

const SYNC = 0;
const AWARENESS = 1;

export class RawSocket {
  /** The bodies of the update frames that came, in order. */
  updates = [];
  /** The close code, once closed. */
  code = null;

  static async open(t, person, document) {
    const url = `${person.hall.sockets}/yjs/${document}?ticket=${await person.ticket()}`;
    const raw = new RawSocket(new WebSocket(url));
    t.after(() => raw.close());
    await until(() => raw.socket.readyState === WebSocket.OPEN, `${document} opens`);
    raw.#send(SYNC, (frame) => sync.writeSyncStep1(frame, new Y.Doc()));
    return raw;
  }

  constructor(socket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.on("message", (data) => this.#read(new Uint8Array(data)));
    socket.on("close", (code) => (this.code = code));
    socket.on("error", () => {});
    this.mine = new Y.Doc();
    this.awareness = new awarenessProtocol.Awareness(this.mine);
    this.theirs = new Y.Doc();
    this.seen = new awarenessProtocol.Awareness(this.theirs);
    this.mine.on("update", (update) => {
      this.#send(SYNC, (frame) => sync.writeUpdate(frame, update));
    });
  }

  #send(type, body) {
    const frame = encoding.createEncoder();
    encoding.writeVarUint(frame, type);
    body(frame);
    this.socket.send(encoding.toUint8Array(frame));
  }

  #read(frame) {
    const decoder = decoding.createDecoder(frame);
    const type = decoding.readVarUint(decoder);
    if (type === SYNC) {
      const step = decoding.readVarUint(decoder);
      if (step === sync.messageYjsSyncStep2) this.hasStep2 = true;
      if (step !== sync.messageYjsSyncStep1) {
        const update = decoding.readVarUint8Array(decoder);
        if (step === sync.messageYjsUpdate) this.updates.push(update);
        Y.applyUpdate(this.theirs, update);
      }
    } else if (type === AWARENESS) {
      const update = decoding.readVarUint8Array(decoder);
      awarenessProtocol.applyAwarenessUpdate(this.seen, update, this);
    }
  }

  step2() {
    return until(() => this.hasStep2, "Step2 comes");
  }

  edit(words) {
    this.mine.getText("content").insert(0, words);
  }

  /** Sends an awareness state of its own. */
  mark(words) {
    this.awareness.setLocalStateField("mark", words);
    const update = awarenessProtocol.encodeAwarenessUpdate(this.awareness, [this.mine.clientID]);
    this.#send(AWARENESS, (frame) => encoding.writeVarUint8Array(frame, update));
  }

  /** The awareness came over the wire, to its sender too. */
  marked(words) {
    const marks = () => [...this.seen.getStates().values()].map((state) => state.mark);
    return until(() => marks().includes(words), () => `the mark "${words}" among ${marks()}`);
  }

  hasText(words) {
    const text = () => this.theirs.getText("content").toString();
    return until(() => text() === words, () => `the text "${words}", it is "${text()}"`);
  }

  close() {
    this.socket.terminate();
    for (const doc of [this.mine, this.theirs]) doc.destroy();
  }
}
