/**
 * The client inside React: one `Studyhall` for the page, and its observables as state.
 * Knows no screen.
 */
import type { Login, Observable, Reach, Studyhall } from "@studyhall/client";
import { createContext, useContext, useSyncExternalStore } from "react";

export const HallContext = createContext<Studyhall | null>(null);

export function useHall(): Studyhall {
  const hall = useContext(HallContext);
  if (!hall) throw new Error("useHall needs a HallContext above it.");
  return hall;
}

export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}

export function useReach(): Reach {
  return useObservable(useHall().reach);
}

export function useWho(): Login {
  return useObservable(useHall().who);
}

/** What to call a person. */
export function nameOf(person: { display_name?: string | null; username?: string }): string {
  return person.display_name || person.username || "somebody";
}
