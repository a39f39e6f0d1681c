/** The seconds that are left of a phase, shown anew at each whole one. */
import { remainingMillis, remainingSeconds, type Timer } from "@studyhall/client";
import { useEffect, useState } from "react";

export function useRemaining(timer: Timer | null, now: () => number): number | null {
  const [, look] = useState(0);
  const runs = timer !== null && timer.paused_remaining_s === null;
  useEffect(() => {
    if (!runs) return;
    let waiting: ReturnType<typeof setTimeout>;
    const tick = () => {
      look((looks) => looks + 1);
      const left = remainingMillis(timer, now());
      // What is shown is rounded up: it changes when the millisecond after a whole second has passed.
      if (left > 0) waiting = setTimeout(tick, (left % 1000 || 1000) + 1);
    };
    tick();
    // A page that was asleep shows what is left when it is looked at again.
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearTimeout(waiting);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [runs, timer, now]);
  return timer === null ? null : remainingSeconds(timer, now());
}
