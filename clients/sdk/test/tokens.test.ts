/** Tokens refresh by themselves, one refresh at a time over all tabs. */
import { expect, it, vi } from "vitest";
import { localExclusive } from "../src/locks.js";
import { Problem } from "../src/problem.js";
import type { LoginAnswer } from "../src/rest.js";
import { memory } from "../src/storage.js";
import { Tokens } from "../src/tokens.js";
import { ada, credentials, FakeServer, openHall, refused } from "./cast.js";

const answer = (n: number): LoginAnswer => ({
  user: ada,
  access_token: `access-${n}`,
  refresh_token: `refresh-${n}`,
  token_type: "Bearer",
  expires_in: 900,
});

it("asks once when many requests of two tabs find the token expired", async () => {
  const [storage, exclusive] = [memory(), localExclusive()];
  const ask = vi.fn(async () => answer(2));
  const tabs = [new Tokens(storage, "body", exclusive, ask), new Tokens(storage, "body", exclusive, ask)];
  await tabs[0]!.keep(answer(1));
  const { generation } = await tabs[0]!.current();
  await Promise.all([...tabs, ...tabs].map((tab) => tab.refresh(generation)));
  expect(ask).toHaveBeenCalledOnce();
  expect(ask).toHaveBeenCalledWith("refresh-1");
  expect(await tabs[1]!.current()).toMatchObject({ access: "access-2", refresh: "refresh-2" });
});

it("keeps no token where cookies carry them", async () => {
  const storage = memory();
  const tokens = new Tokens(storage, "cookie", localExclusive(), async () => answer(2));
  await tokens.keep(answer(1));
  await tokens.refresh((await tokens.current()).generation);
  expect(new TextDecoder().decode(await storage.get("tokens"))).toBe('{"generation":2}');
});

it("repeats requests after one refresh, unseen by the caller", async () => {
  const server = new FakeServer();
  const hall = await openHall(server);
  await hall.login(credentials);
  server.expireAccess();
  const lists = await Promise.all([hall.notes.list(), hall.notes.list(), hall.notes.list()]);
  expect(lists.every(({ stale }) => !stale)).toBe(true);
  expect(server.asked("POST", "/auth/refresh")).toHaveLength(1);
  await hall.close();
});

it("says that the login is over when it cannot be renewed, and keeps the person", async () => {
  const server = new FakeServer();
  const hall = await openHall(server);
  await hall.login(credentials);
  server.expireAccess();
  server.script = ({ path }) => (path === "/auth/refresh" ? refused(401, "login-over") : undefined);
  await expect(hall.notes.list()).rejects.toBeInstanceOf(Problem);
  expect(hall.who.get()).toMatchObject({ person: { username: "ada" }, over: true });
  await hall.login(credentials);
  expect(hall.who.get().over).toBe(false);
  await hall.close();
});
