/** What was made offline is sent in order, once, and is never lost. */
import { describe, expect, it } from "vitest";
import { localExclusive } from "../src/locks.js";
import { Outbox } from "../src/outbox.js";
import { Problem, Unreachable } from "../src/problem.js";
import type { NewNote } from "../src/rest.js";
import { memory } from "../src/storage.js";

const note = (id: string): NewNote => ({ id, format: "rich" });

function outbox(post: (note: NewNote) => Promise<unknown>, storage = memory(), exclusive = localExclusive()) {
  return new Outbox({ storage, prefix: "outbox/", exclusive, post, now: () => 1_000 });
}

describe("the outbox", () => {
  it("posts in the order of making, even within one millisecond", async () => {
    const posted: string[] = [];
    const box = outbox(async ({ id }) => posted.push(id));
    for (const id of ["c", "a", "b"]) await box.add(note(id));
    await box.flush();
    expect(posted).toEqual(["c", "a", "b"]);
    expect(await box.list()).toEqual([]);
  });

  it("stops at the first that cannot be sent, keeps the order, and goes on later", async () => {
    const posted: string[] = [];
    let reachable = false;
    const box = outbox(async ({ id }) => {
      if (id === "b" && !reachable) throw new Unreachable();
      posted.push(id);
    });
    for (const id of ["a", "b", "c"]) await box.add(note(id));
    await box.flush();
    expect(posted).toEqual(["a"]);
    reachable = true;
    await box.flush();
    expect(posted).toEqual(["a", "b", "c"]);
  });

  it("sends once when two tabs flush at the same time", async () => {
    const posted: string[] = [];
    const [storage, exclusive] = [memory(), localExclusive()];
    const post = async ({ id }: NewNote) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      posted.push(id);
    };
    const [one, two] = [outbox(post, storage, exclusive), outbox(post, storage, exclusive)];
    await one.add(note("a"));
    await one.add({ ...note("b"), room_id: "r" });
    await Promise.all([one.flush(), two.flush(), one.flush()]);
    expect(posted).toEqual(["a", "b"]);
  });

  it("repeats a create whose answer was lost under the same id", async () => {
    const seen: string[] = [];
    const box = outbox(async ({ id }) => {
      seen.push(id);
      if (seen.length === 1) throw new Unreachable();
    });
    await box.add(note("a"));
    await box.flush();
    await box.flush();
    expect(seen).toEqual(["a", "a"]);
    expect(await box.list()).toEqual([]);
  });

  it("keeps what is refused for good, says why, and lets the next one pass", async () => {
    const answered: string[] = [];
    const box = outbox(async ({ id }) => {
      if (id === "a") throw new Problem(403, "not-a-member", "You are not in this room.");
    });
    box.onAnswer((id) => answered.push(id));
    await box.add(note("a"));
    await box.add(note("b"));
    await box.flush();
    await box.flush();
    expect(answered).toEqual(["a", "b"]);
    expect((await box.find("a"))?.refused).toEqual({ code: "not-a-member", detail: "You are not in this room." });
    await box.forget("a");
    expect(await box.list()).toEqual([]);
  });

  it.each([500, 429, 401])("keeps everything when the answer is %i", async (status) => {
    const box = outbox(() => Promise.reject(new Problem(status, "x", "later")));
    await box.add(note("a"));
    await box.flush();
    expect((await box.find("a"))?.refused).toBeUndefined();
  });
});
