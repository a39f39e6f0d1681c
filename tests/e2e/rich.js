/** Two people with a note between them, and what other apps write into it. Knows no screen. */
import assert from "node:assert/strict";
import WebSocket from "ws";
import { HocuspocusProvider } from "../../clients/node_modules/@hocuspocus/provider/dist/hocuspocus-provider.esm.js";
import { Doc, XmlElement, XmlText } from "../../clients/node_modules/yjs/dist/yjs.mjs";
import { eventually, somebody } from "./people.js";

/** Ada and Ben in a room with a note that REST made. */
export async function adaAndBen(hall, note) {
  const [ada, ben] = [await somebody(hall, "Ada"), await somebody(hall, "Ben")];
  await ada.makeRoom("Biology");
  const room = new URL(ada.page.url()).pathname.split("/").at(-1);
  await ben.joinRoom(await ada.inviteCode(), "Biology");
  const { id } = await ada.posts("/notes", { ...note, title: "The cell", room_id: room, is_shared: true });
  return { ada, ben, id, room };
}

/** A person's other app: the REST API by a token, and the stock provider. */
export async function appOf(hall, { email, password }) {
  let authorization;
  const send = async (method, path, body) => {
    const headers = { authorization, "content-type": "application/json", "x-token-delivery": "body" };
    if (!authorization) delete headers.authorization;
    const answer = await fetch(`${hall.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.json();
  };
  const { access_token } = await send("POST", "/auth/login", { email, password });
  authorization = `Bearer ${access_token}`;
  const open = async (id) => {
    const url = `${hall.url.replace("http", "ws")}/sync/hocuspocus`;
    const provider = new HocuspocusProvider({
      url,
      name: `note:${id}`,
      document: new Doc(),
      token: access_token,
      WebSocketPolyfill: WebSocket,
    });
    await eventually(() => provider.synced, Boolean, "the app has the note");
    const text = provider.document.getXmlFragment("default");
    const saved = () => eventually(() => provider.unsyncedChanges, (left) => left === 0, "the app's words are saved");
    return { doc: provider.document, text, saved, close: () => provider.destroy() };
  };
  return { send, open };
}

export function element(name, ...children) {
  const made = new XmlElement(name);
  made.insert(0, children.map((child) => (typeof child === "string" ? new XmlText(child) : child)));
  return made;
}

/** Text of which the first part has a mark. */
export function marked(marks, first, rest = "") {
  const text = new XmlText();
  text.applyDelta([{ insert: first, attributes: marks }, ...(rest ? [{ insert: rest }] : [])]);
  return text;
}
