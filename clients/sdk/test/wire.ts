/**
 * The wire's other end, in memory: documents behind a WebSocket that speaks Hocuspocus, which
 * lets nobody in, or acknowledges nothing, as long as it is told so. Knows what was sent and
 * who is seen.
 */
import { createDecoder, readVarString, readVarUint, readVarUint8Array } from "lib0/decoding";
import { createEncoder, toUint8Array, writeVarInt, writeVarString, writeVarUint, writeVarUint8Array } from "lib0/encoding";
import type { Encoder } from "lib0/encoding";
import * as Y from "yjs";

const [SYNC, AWARENESS, AUTH, CLOSE, SYNC_STATUS] = [0, 1, 2, 7, 8];
const [STEP_1, STEP_2] = [0, 1];
const AUTHENTICATED = 2;

export class Wire {
  readonly documents = new Map<string, Y.Doc>();
  /** Documents that have a session now. */
  readonly sessions = new Set<string>();
  /** What others see of somebody, by the document's name. */
  readonly seen: [name: string, state: unknown][] = [];
  /** The network is there; without it nothing arrives, and nobody hears that. */
  connected = true;
  letsIn = true;
  acknowledges = true;
  scope: "read-write" | "readonly" = "read-write";
  private held: (() => void)[] = [];

  document(name: string): Y.Doc {
    const doc = this.documents.get(name) ?? new Y.Doc();
    this.documents.set(name, doc);
    return doc;
  }

  /** Lets in and acknowledges from now on, and what waited for it. */
  release(): void {
    this.letsIn = true;
    this.acknowledges = true;
    for (const go of this.held.splice(0)) go();
  }

  when(now: boolean, go: () => void): void {
    if (now) go();
    else this.held.push(go);
  }

  /** A WebSocket class whose sockets end here. */
  get socket() {
    const wire = this;
    return class extends EventTarget {
      readyState = 0;
      binaryType = "arraybuffer";

      constructor() {
        super();
        queueMicrotask(() => {
          if (!wire.connected) return;
          this.readyState = 1;
          this.dispatchEvent(new Event("open"));
        });
      }

      send(frame: Uint8Array): void {
        if (!wire.connected) return;
        wire.take(frame.slice(), (answer) => {
          if (this.readyState === 1) this.dispatchEvent(new MessageEvent("message", { data: answer.slice().buffer }));
        });
      }

      close(): void {
        if (this.readyState === 3) return;
        this.readyState = wire.connected ? 3 : 2;
        if (this.readyState === 2) return; // the other end does not answer
        wire.sessions.clear();
        this.dispatchEvent(Object.assign(new Event("close"), { code: 1000, reason: "" }));
      }
    };
  }

  private take(frame: Uint8Array, reply: (frame: Uint8Array) => void): void {
    const decoder = createDecoder(frame);
    const address = readVarString(decoder);
    const name = address.split("\0")[0]!;
    const doc = this.document(name);
    const answer = (write: (encoder: Encoder) => void) => {
      const encoder = createEncoder();
      writeVarString(encoder, address);
      write(encoder);
      queueMicrotask(() => reply(toUint8Array(encoder)));
    };
    const sync = (step: number, bytes: Uint8Array) =>
      answer((encoder) => {
        for (const part of [SYNC, step]) writeVarUint(encoder, part);
        writeVarUint8Array(encoder, bytes);
      });
    const kind = readVarUint(decoder);
    if (kind === CLOSE) this.sessions.delete(name);
    if (kind === AWARENESS) this.see(name, readVarUint8Array(decoder));
    if (kind === AUTH) {
      this.sessions.add(name);
      this.when(this.letsIn, () =>
        answer((encoder) => {
          for (const part of [AUTH, AUTHENTICATED]) writeVarUint(encoder, part);
          writeVarString(encoder, this.scope);
        }),
      );
    }
    if (kind !== SYNC) return;
    const [step, bytes] = [readVarUint(decoder), readVarUint8Array(decoder)];
    this.when(this.letsIn, () => {
      if (step === STEP_1) {
        sync(STEP_2, Y.encodeStateAsUpdate(doc, bytes));
        return sync(STEP_1, Y.encodeStateVector(doc));
      }
      this.when(this.acknowledges, () => {
        Y.applyUpdate(doc, bytes);
        answer((encoder) => {
          writeVarUint(encoder, SYNC_STATUS);
          writeVarInt(encoder, 1);
        });
      });
    });
  }

  private see(name: string, update: Uint8Array): void {
    const decoder = createDecoder(update);
    for (let left = readVarUint(decoder); left > 0; left -= 1) {
      for (const _skipped of ["client", "clock"]) readVarUint(decoder);
      this.seen.push([name, JSON.parse(readVarString(decoder))]);
    }
  }
}
