/** Days and todos in words. A day without a time is that day everywhere: midnight in UTC. */

const MIDNIGHT = /T00:00:00Z$/;

export interface Due {
  text: string;
  late: boolean;
}

/** What a due date is called today. */
export function dueOf(due: string, now: Date = new Date()): Due {
  const day = dayOf(due);
  const today = localDay(now);
  const tomorrow = localDay(new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1));
  const late = day < today;
  if (day === today) return { text: "Today", late };
  if (day === tomorrow) return { text: "Tomorrow", late };
  const year = day.slice(0, 4) === today.slice(0, 4) ? undefined : "numeric";
  const date = new Date(`${day}T00:00:00Z`);
  return { text: date.toLocaleDateString(undefined, { day: "numeric", month: "short", year, timeZone: "UTC" }), late };
}

/** The day of a due date as a date field has it. */
export function dayOf(due: string): string {
  return MIDNIGHT.test(due) ? due.slice(0, 10) : localDay(new Date(due));
}

/** A due date from what a date field has; null when it is empty. */
export function dueOn(day: string): string | null {
  return day === "" ? null : `${day}T00:00:00Z`;
}

function localDay(date: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A todo's text where there is room for some of it. */
export function brief(text: string): string {
  const line = text.trim() || "(no text)";
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
