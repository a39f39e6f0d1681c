// A line between somebody and a server, which a test makes slow, bad, silent or dead: a TCP proxy, since
// not every machine that runs the tests may shape a network. What packet loss does is seen above TCP as
// stalls, bursts and pieces of any length, and at last as a connection that dies; that is what it makes.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Milliseconds that a lost packet holds back all that follows: one to three retransmission timeouts. */
const STALLS = [200, 600, 1400];

export class Line {
  /** A line to a port of this machine, or of another `host`. Perfect, until a test says otherwise. */
  static async to(t, port, quality = {}) {
    const line = Object.assign(new Line(), { delay: 0, jitter: 0, loss: 0, host: "127.0.0.1" }, quality);
    line.pairs = new Set();
    line.seed = 11;
    line.server = createServer({ allowHalfOpen: true }, (near) => {
      line.join(near, connect({ port, host: line.host, allowHalfOpen: true }));
    });
    line.server.listen(0, "127.0.0.1");
    await once(line.server, "listening");
    line.port = line.server.address().port;
    t.after(() => {
      line.server.close();
      line.cut();
    });
    return line;
  }

  join(near, far) {
    const pair = { near, far, flows: [] };
    this.pairs.add(pair);
    pair.flows.push(new Flow(this, near, far), new Flow(this, far, near));
    for (const end of [near, far]) {
      end.setNoDelay(true);
      end.on("error", () => {});
      // Over a line that is held nobody hears that the other has gone.
      end.on("close", () => (this.held ? (pair.isOver = true) : this.drop(pair)));
    }
  }

  drop(pair) {
    this.pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }

  /** From now on nothing passes, either way, and nobody is told: what is sent waits, as in TCP. */
  hold() {
    this.held = true;
  }

  release() {
    this.held = false;
    for (const pair of [...this.pairs]) {
      if (pair.isOver) this.drop(pair);
      else pair.flows.forEach((flow) => flow.run());
    }
  }

  /** Every connection dies, with what was on its way. */
  cut() {
    [...this.pairs].forEach((pair) => this.drop(pair));
  }

  /** The same luck in each run. */
  chance() {
    this.seed = (this.seed * 48271) % 2147483647;
    return this.seed / 2147483647;
  }
}

/** One direction of a connection: bytes arrive in order, each piece when the line lets it. */
class Flow {
  constructor(line, from, to) {
    Object.assign(this, { line, from, to, pieces: [], due: 0, running: false });
    from.on("data", (bytes) => this.take(bytes));
    from.on("end", () => this.take(null));
  }

  take(bytes) {
    const { delay, jitter, loss } = this.line;
    for (const piece of this.split(bytes)) {
      const stall = this.line.chance() < loss ? STALLS[Math.floor(this.line.chance() * STALLS.length)] : 0;
      // What follows cannot overtake.
      this.due = Math.max(this.due, Date.now() + delay + this.line.chance() * jitter + stall);
      this.pieces.push([this.due, piece]);
    }
    // The sender feels it, as it would a full window.
    if (this.pieces.length > 64) this.from.pause();
    this.run();
  }

  /** Pieces of any length, where the line is bad; the end of the stream is one. */
  split(bytes) {
    if (bytes === null || this.line.loss === 0 || bytes.length < 2) return [bytes];
    const at = 1 + Math.floor(this.line.chance() * (bytes.length - 1));
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.pieces.length > 0 && !this.line.held) {
      const wait = this.pieces[0][0] - Date.now();
      if (wait > 0) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      const [, piece] = this.pieces.shift();
      if (piece === null) this.to.end();
      else this.to.write(piece);
    }
    if (!this.line.held) this.from.resume();
    this.running = false;
  }
}
