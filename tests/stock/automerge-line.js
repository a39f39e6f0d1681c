// automerge-repo's protocol by hand, for what no stock client sends.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as A from "@automerge/automerge";
import { cbor, parseAutomergeUrl } from "@automerge/automerge-repo";
import WebSocket from "ws";
import { until } from "./until.js";

/** A socket of Mallory's that has joined, and opened a note like anybody. */
export class Line {
  static async open(t, person, url, name = `mallory-${randomBytes(4).toString("hex")}`) {
    const ticket = await person.ticket();
    const line = new Line(new WebSocket(`${person.hall.sockets}/automerge?ticket=${ticket}`), url, name);
    t.after(() => line.socket.terminate());
    await until(() => line.socket.readyState === WebSocket.OPEN, "Mallory's socket opens");
    line.frame({ type: "join", peerMetadata: {}, supportedProtocolVersions: ["1"] });
    return line;
  }

  /** Opens the note, too. */
  static async in(t, person, url) {
    const line = await Line.open(t, person, url);
    const [, question] = A.generateSyncMessage(A.init(), A.initSyncState());
    line.sync(question, "request");
    await until(() => line.messages.length, "Mallory is answered");
    [line.doc] = A.receiveSyncMessage(A.init(), A.initSyncState(), line.messages[0]);
    return line;
  }

  code = null;
  frames = [];

  constructor(socket, url, name) {
    Object.assign(this, { socket, name, document: parseAutomergeUrl(url).documentId });
    socket.binaryType = "arraybuffer";
    socket.on("message", (data) => this.frames.push(cbor.decode(new Uint8Array(data))));
    socket.on("close", (code) => (this.code = code));
    socket.on("error", () => {});
  }

  get messages() {
    return this.frames.filter(({ type }) => type === "sync").map(({ data }) => data);
  }

  frame(fields) {
    this.socket.send(cbor.encode({ senderId: this.name, targetId: "hall", ...fields }));
  }

  sync(data, type = "sync") {
    this.frame({ type, documentId: this.document, data });
  }

  /** Sends changes as they are. */
  brings(...changes) {
    const have = [{ lastSync: [], bloom: new Uint8Array() }];
    this.sync(A.encodeSyncMessage({ heads: [], need: [], have, changes }));
  }

  /** All that was sent was taken: a document that nobody has is asked for behind it. */
  async heard() {
    const count = () => this.frames.filter(({ type }) => type === "doc-unavailable").length;
    const before = count();
    const [, data] = A.generateSyncMessage(A.init(), A.initSyncState());
    this.frame({ type: "request", documentId: "nobody", data });
    await until(() => count() > before, "what was sent is taken");
  }

  closed(code) {
    return until(() => this.code !== null, `closed with ${code}`).then(() => {
      assert.equal(this.code, code);
    });
  }
}

/** The counter that comes after all of a document's. */
export function next(doc) {
  const ends = A.getAllChanges(doc).map(A.decodeChange).map(({ startOp, ops }) => startOp + ops.length);
  return Math.max(...ends);
}
