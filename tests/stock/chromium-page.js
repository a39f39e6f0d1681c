// What a page of somebody's own app does with stock automerge-repo; chromium.test.js bundles it and asks it.
import { Repo, updateText } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";

const heard = [];
const codes = [];
let adapter, repo, handle;

/** Opens a document over a socket that the page's cookies sign in. */
async function open(sockets, url) {
  adapter = new WebSocketClientAdapter(sockets, 100);
  repo = new Repo({ network: [adapter] });
  await new Promise((resolve) => repo.networkSubsystem.once("peer", resolve));
  adapter.socket.addEventListener("close", ({ code }) => codes.push(code));
  handle = await repo.find(url);
  handle.on("ephemeral-message", ({ message }) => heard.push(message));
}

globalThis.app = {
  open,
  heard,
  codes,
  words: () => handle.doc().content,
  write: (words) => handle.change((doc) => updateText(doc, ["content"], doc.content + words)),
  say: (message) => handle.broadcast(message),
  goOffline: () => adapter.disconnect(),
  comeBack: () => adapter.connect(repo.networkSubsystem.peerId, {}),
};
