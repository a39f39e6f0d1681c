// What its owner rewrites and shares in one request is shown to the room as it says then, and not at all where the
// text is not taken.
import assert from "node:assert/strict";
import test from "node:test";
import { hocuspocusClients } from "./clients.js";
import { cast } from "./hall.js";

const SECRET = "SECRET: a D for Ben";

// Looks again and again until it is told that it is over; all that was seen.
function watched(look) {
  const seen = new Set();
  let over = false;
  const watch = (async () => {
    while (!over) for (const text of await look()) seen.add(text);
  })();
  return async () => {
    over = true;
    await watch;
    return [...seen];
  };
}

for (const kind of ["notes", "todos"]) {
  test(`${kind} that are rewritten and shared in one request: nobody is shown what they said before`, async (t) => {
    const { ada, ben } = await cast(t, ["ada", "ben"]);
    const room = await ada.roomWith([ben]);
    const all = watched(async () => {
      const { items } = await ben.send("GET", `/rooms/${room}/${kind}`);
      return items.map(({ text }) => text);
    });
    const alone = kind === "notes" ? { room_id: room, is_shared: false } : {};
    for (let number = 0; number < 20; number += 1) {
      const { id } = await ada.send("POST", `/${kind}`, { text: SECRET, ...alone });
      const one = watched(async () => {
        const answer = await ben.ask("GET", `/${kind}/${id}`);
        const { text } = await answer.json();
        return answer.ok ? [text] : [];
      });
      const said = `for all, ${number}`;
      const shared = await ada.send("PUT", `/${kind}/${id}`, { text: said, is_shared: true, room_id: kind === "todos" ? room : undefined });
      assert.deepEqual([shared.text, shared.is_shared], [said, true]);
      assert.equal((await ben.send("GET", `/${kind}/${id}`)).text, said);
      assert.deepEqual(await one(), [said]);
    }
    assert.ok(!(await all()).includes(SECRET));
  });
}

test("a text that is not taken leaves its note its owner's alone", async (t) => {
  const { ada, ben } = await cast(t, ["ada", "ben"]);
  const room = await ada.roomWith([ben]);
  const { id } = await ada.send("POST", "/notes", { text: SECRET, room_id: room, is_shared: false });
  const desk = await hocuspocusClients[0].sit(t, ada, `note:${id}`);
  await desk.synced();
  desk.write("x".repeat(1_300_000)); // longer than REST shows
  await desk.saved();
  const put = await ada.ask("PUT", `/notes/${id}`, { text: "for all", is_shared: true });
  assert.deepEqual([put.status, (await put.json()).code], [409, "note-too-long"]);
  assert.equal((await ben.ask("GET", `/notes/${id}`)).status, 404);
  await ada.send("PUT", `/notes/${id}`, { is_shared: true });
  assert.ok((await ben.send("GET", `/notes/${id}`)).text.startsWith(SECRET));
});
