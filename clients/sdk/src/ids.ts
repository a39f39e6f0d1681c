/**
 * Ids that a client makes itself, so that a thing made offline has its final
 * name at once. Knows the ObjectId format and nothing of what is named.
 */

/** A new ObjectId: 4 bytes of seconds, 8 random bytes, as 24 hex digits. */
export function newId(now: number = Date.now()): string {
  const bytes = new Uint8Array(12);
  crypto.getRandomValues(bytes);
  new DataView(bytes.buffer).setUint32(0, Math.floor(now / 1000));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
