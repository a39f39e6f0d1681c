// What a hostile client sends, as bytes: row 24 of security.md as far as it is about Yjs documents.
import * as encoding from "lib0/encoding";
import * as Y from "yjs";

const bytes = (write) => {
  const encoder = encoding.createEncoder();
  write(encoder);
  return encoding.toUint8Array(encoder);
};

/** One struct of a client at a clock, with a parent of this name and what `content` writes. */
const struct = (client, clock, info, content) =>
  bytes((to) => {
    for (const number of [1, 1, client, clock]) encoding.writeVarUint(to, number);
    encoding.writeUint8(to, info);
    encoding.writeVarUint(to, 1);
    encoding.writeVarString(to, "content");
    content(to);
    encoding.writeVarUint(to, 0);
  });

const ANY = 8;
const STRING = 4;

/** A real update, to be spoiled. */
export function goodUpdate(words = "hello") {
  const doc = new Y.Doc();
  doc.getText("content").insert(0, words);
  return Y.encodeStateAsUpdate(doc);
}

/** Updates that no stock client sends: name → bytes. */
export const malformed = {
  "an update that is cut": goodUpdate().slice(0, -3),
  "an update that goes on": Uint8Array.from([...goodUpdate(), 0]),
  "garbage": Uint8Array.from({ length: 500 }, (_, n) => (n * 7919) % 251),
  "five bytes that claim hundreds of megabytes": Uint8Array.from([255, 255, 255, 127, 0]),
  "arrays in arrays, 7,000 deep": struct(7, 0, ANY, (to) => {
    encoding.writeVarUint(to, 1);
    for (let n = 0; n < 7_000; n++) encoding.writeUint8Array(to, Uint8Array.from([117, 1]));
    encoding.writeUint8(to, 126);
  }),
  "a clock that overflows": struct(7, 2 ** 31, STRING, (to) => encoding.writeVarString(to, "x")),
  "a client id above 2^53": Uint8Array.from([1, 1, ...Array(8).fill(255), 31, 0, 4, 1, 1, 97, 1, 97, 0]),
};

/** A state vector that claims millions of clients in five bytes. */
export const vectorBomb = Uint8Array.from([255, 255, 255, 127, 0]);

/** Awareness updates that are beyond the limits: name → bytes. */
export const awareness = {
  "of 4 MB": awarenessOf([[1, 1, JSON.stringify("a".repeat(4 << 20))]]),
  "of 10,000 ids": awarenessOf(Array.from({ length: 10_000 }, (_, id) => [id + 1, 1, "{}"])),
  "of bad JSON": awarenessOf([[1, 1, '{"name": ']]),
  "that is cut": awarenessOf([[1, 1, "{}"]]).slice(0, -1),
};

function awarenessOf(states) {
  return bytes((to) => {
    encoding.writeVarUint(to, states.length);
    for (const [id, clock, state] of states) {
      encoding.writeVarUint(to, id);
      encoding.writeVarUint(to, clock);
      encoding.writeVarString(to, state);
    }
  });
}

/** Elements in elements, one update a level: the way to nest that no single update shows. */
export function* nestedUpdates(levels) {
  const doc = new Y.Doc();
  let inner = doc.getXmlFragment("default");
  for (let level = 0; level < levels; level++) {
    const before = Y.encodeStateVector(doc);
    const element = new Y.XmlElement("div");
    inner.insert(0, [element]);
    inner = element;
    yield Y.encodeStateAsUpdate(doc, before);
  }
}

/** Frames of both protocols. */
export const frames = {
  yjs: (_, ...body) => bytes((to) => write(to, body)),
  hocuspocus: (address, ...body) =>
    bytes((to) => {
      encoding.writeVarString(to, address);
      write(to, body);
    }),
};

function write(to, body) {
  for (const part of body) {
    if (typeof part === "number") encoding.writeVarUint(to, part);
    else if (typeof part === "string") encoding.writeVarString(to, part);
    else encoding.writeVarUint8Array(to, part);
  }
}

/** Two items of this client, of which the second is put into the first, a letter and no type. */
export function intoNoType(client) {
  return bytes((to) => {
    for (const number of [1, 2, client, 0]) encoding.writeVarUint(to, number);
    encoding.writeUint8(to, STRING);
    encoding.writeVarUint(to, 1);
    encoding.writeVarString(to, "content");
    encoding.writeVarString(to, "a");
    encoding.writeUint8(to, STRING);
    for (const number of [0, client, 0]) encoding.writeVarUint(to, number);
    encoding.writeVarString(to, "b");
    encoding.writeVarUint(to, 0);
  });
}

/** A note's content by so many clients: its state vector is long. */
export function manyClients(count) {
  const doc = new Y.Doc();
  const parts = Array.from({ length: count }, (_, n) => {
    const one = new Y.Doc();
    one.clientID = n + 1;
    one.getText("content").insert(0, "x");
    return Y.encodeStateAsUpdate(one);
  });
  for (let n = 0; n < parts.length; n += 1000) Y.applyUpdate(doc, Y.mergeUpdates(parts.slice(n, n + 1000)));
  return Y.encodeStateAsUpdate(doc);
}

/** An update that deletes these ranges, `[clock, length]`, of a client's. */
export function deletes(client, ranges) {
  return bytes((to) => {
    for (const number of [0, 1, client, ranges.length, ...ranges.flat()]) encoding.writeVarUint(to, number);
  });
}
