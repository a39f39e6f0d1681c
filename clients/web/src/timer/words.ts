/** Phases of the timer in words. */
import type { Phase } from "@studyhall/client";

export const PHASES: Record<Phase, string> = {
  focus: "Focus",
  short_break: "Short break",
  long_break: "Long break",
};

/** Minutes and seconds, as a clock shows them. */
export function clockOf(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
