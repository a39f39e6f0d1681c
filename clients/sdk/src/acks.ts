/**
 * Counts acknowledgements where they cannot be mistaken: on the wire of one WebSocket.
 * `unsyncedChanges` of the stock provider counts what it meant to send; after edits made
 * offline it touches zero at the first of several acknowledgements. Here a document is
 * acknowledged when its Step2 and every Update sent on this socket got their SyncStatus.
 * Knows the Hocuspocus frame and nothing of what is in a document.
 */
import { createDecoder, readVarInt, readVarString, readVarUint } from "lib0/decoding";

const SYNC = 0;
const CLOSE = 7;
const SYNC_STATUS = 8;
const STEP_2 = 1;
const UPDATE = 2;

interface Tally {
  stepTwoSent: boolean;
  outstanding: number;
}

export interface AckListener {
  /** The tally of this address changed. */
  changed(): void;
  /** The server took an update's place in the order and said no to it. */
  refused(): void;
}

export class Acks {
  private tallies = new Map<string, Tally>();
  private readonly listeners = new Map<string, AckListener>();

  listen(address: string, listener: AckListener): () => void {
    this.listeners.set(address, listener);
    return () => this.listeners.delete(address);
  }

  acknowledged(address: string): boolean {
    const tally = this.tallies.get(address);
    return tally !== undefined && tally.stepTwoSent && tally.outstanding === 0;
  }

  /** A new socket: nothing was sent on it yet. */
  reset(): void {
    this.tallies = new Map();
    for (const listener of this.listeners.values()) listener.changed();
  }

  sent(frame: unknown): void {
    if (!(frame instanceof Uint8Array) || frame.length < 3) return;
    const decoder = createDecoder(frame);
    const address = readVarString(decoder);
    const type = readVarUint(decoder);
    if (type === CLOSE) this.tallies.delete(address);
    if (type !== SYNC) return;
    const step = readVarUint(decoder);
    if (step !== STEP_2 && step !== UPDATE) return;
    const tally = this.tallies.get(address) ?? { stepTwoSent: false, outstanding: 0 };
    tally.stepTwoSent ||= step === STEP_2;
    tally.outstanding += 1;
    this.tallies.set(address, tally);
    this.listeners.get(address)?.changed();
  }

  received(frame: unknown): void {
    if (!(frame instanceof ArrayBuffer) || frame.byteLength < 3) return;
    const decoder = createDecoder(new Uint8Array(frame));
    const address = readVarString(decoder);
    if (readVarUint(decoder) !== SYNC_STATUS) return;
    const taken = readVarInt(decoder) === 1;
    const tally = this.tallies.get(address);
    if (!tally) return;
    if (taken) tally.outstanding = Math.max(0, tally.outstanding - 1);
    else this.listeners.get(address)?.refused();
    this.listeners.get(address)?.changed();
  }
}

/** A WebSocket class whose frames are counted in `acks`. */
export function counted(Base: typeof WebSocket, acks: Acks): typeof WebSocket {
  return class extends Base {
    /** It was left: what is said on it until it is closed is about a socket before. */
    private left = false;

    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      acks.reset();
      // The stock client drops its listeners before it closes; in Node an error that
      // nobody hears ends the process.
      this.addEventListener("error", () => {});
      this.addEventListener("message", (event) => {
        if (!this.left) acks.received(event.data);
      });
    }

    override send(data: Parameters<WebSocket["send"]>[0]): void {
      acks.sent(data);
      super.send(data);
    }

    override close(code?: number, reason?: string): void {
      this.left = true;
      super.close(code, reason);
    }
  };
}
