// Stock automerge-repo clients from npm, unmodified: a phone is one repo, with one socket and one person.
import { Repo, updateText } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { until } from "./until.js";

/** Signs a phone in, as it is in a person's hand. */
export async function phone(person, options = {}) {
  const url = `${person.hall.sockets}/automerge?ticket=${await person.ticket()}`;
  const made = new Phone(url, options);
  person.hall.goodbyes.push(() => made.close());
  // A repo that hears nobody for a second calls every document unavailable.
  await until(() => made.online, "the phone is online");
  return made;
}

/** A note in an Automerge document; what REST shows of it. */
export function automergeNote(person, fields = {}) {
  return person.send("POST", "/notes", { engine: "automerge", ...fields });
}

class Phone {
  constructor(url, options) {
    // Five seconds is what a person waits; a test need not.
    this.adapter = new WebSocketClientAdapter(url, 100);
    // It throws what befalls a socket that is reset while it opens, as when a node is killed then: it goes on.
    const { connect } = this.adapter;
    this.adapter.connect = (...who) => {
      connect.apply(this.adapter, who);
      this.adapter.socket.removeEventListener("error", this.adapter.onError);
      this.adapter.socket.addEventListener("error", () => {});
    };
    this.repo = new Repo({ network: [this.adapter], ...options });
    this.repo.networkSubsystem.on("peer", ({ peerMetadata }) => {
      this.storageId = peerMetadata.storageId;
      this.online = true;
    });
    this.repo.networkSubsystem.on("peer-disconnected", () => (this.online = false));
  }

  /** For good. */
  close() {
    this.adapter.connect = () => {};
    this.adapter.disconnect();
  }

  /** Opens a document, once it is there. */
  async open(url) {
    const handle = await this.repo.find(url);
    return new Sheet(this, handle);
  }

  /** Opens one that is not there, or not for this person. */
  async misses(url) {
    const signal = AbortSignal.timeout(15_000);
    const missing = await this.repo.find(url, { signal }).then(
      () => null,
      (error) => error.message,
    );
    if (!/unavailable/i.test(missing ?? "")) throw new Error(`it should be unavailable: ${missing}`);
  }

  async leave() {
    this.adapter.disconnect();
    await until(() => !this.online, "offline");
  }

  async comeBack() {
    this.adapter.connect(this.repo.networkSubsystem.peerId, {});
    await until(() => this.online, "online again");
  }
}

/** A note on a phone. */
class Sheet {
  constructor(phone, handle) {
    Object.assign(this, { phone, handle });
  }

  get words() {
    return this.handle.doc()?.content ?? "";
  }

  write(words) {
    this.handle.change((doc) => updateText(doc, ["content"], doc.content + words));
  }

  reads(words) {
    return until(() => this.words === words, () => `reads "${words}", has "${this.words}"`);
  }

  has(words) {
    return until(() => this.words.includes(words), () => `has "${words}" in "${this.words}"`);
  }

  /** The heads that the server is known to have saved. */
  get savedHeads() {
    return this.handle.getSyncInfo(this.phone.storageId)?.lastHeads ?? [];
  }

  get isSaved() {
    return String(this.savedHeads) === String(this.handle.heads());
  }

  /** Everything that is here is saved, as far as this client can tell. */
  saved() {
    return until(() => this.isSaved, () => `saved ${this.savedHeads}, has ${this.handle.heads()}`);
  }
}
