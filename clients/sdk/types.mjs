/**
 * Writes the types of the REST routes from the server's OpenAPI document. Routes are
 * named by their paths; operation ids, of which several are alike, are left out.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapi, { astToString } from "openapi-typescript";

const source = new URL("../../api/openapi.json", import.meta.url);
const target = new URL("generated/openapi.d.ts", import.meta.url);

const document = JSON.parse(await readFile(source, "utf8"));
for (const path of Object.values(document.paths)) {
  for (const operation of Object.values(path)) delete operation.operationId;
}
await mkdir(new URL(".", target), { recursive: true });
await writeFile(target, astToString(await openapi(document)));
