/**
 * Values in documents, read as the server reads them: what somebody wrote is input, and
 * of the wrong type it is nothing. Times are written as the server writes them, since it
 * compares them as text. Knows no CRDT library, which loads later than this.
 */

const ID = /^[0-9a-f]{24}$/;
const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

export function asId(value: unknown): string | null {
  return typeof value === "string" && ID.test(value) ? value : null;
}

/** A moment as the server writes it: RFC 3339 in UTC, no zeros at the end of a fraction. */
export function timeOf(millis: number): string {
  return new Date(millis).toISOString().replace(/\.?0+Z$/, "Z");
}

export function asTime(value: unknown): string | null {
  const [, year, month, day] = (typeof value === "string" && TIME.exec(value)) || [];
  if (day === undefined) return null;
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const millis = Date.parse((value as string).replace(" ", "T").toUpperCase());
  if (Number.isNaN(millis) || Number(day) > days) return null;
  const time = timeOf(millis);
  // Of an offset at the ends of time there is no moment in UTC that could be written.
  return /^\d{4}-/.test(time) ? time : null;
}

/** A whole number from `least` to `most`. */
export function asWhole(value: unknown, least: number, most: number): number | null {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most ? (value as number) : null;
}
