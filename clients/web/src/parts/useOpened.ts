/** Something that is opened for as long as it is shown: a note, a list, a room's state. */
import { useEffect, useEffectEvent, useState } from "react";

interface Opened<T> {
  opened: T | null;
  error: unknown;
}

const NOTHING: Opened<never> = { opened: null, error: null };

/** Opens anew when `key` changes; `closed` is called when all of it is kept. */
export function useOpened<T extends { close(): Promise<void> }>(
  key: string,
  open: () => Promise<T>,
  closed: () => void = () => {},
): Opened<T> {
  const [state, setState] = useState<Opened<T>>(NOTHING);
  const begin = useEffectEvent(open);
  const end = useEffectEvent(closed);
  useEffect(() => {
    let left = false;
    const opening = begin();
    opening.then(
      (opened) => !left && setState({ opened, error: null }),
      (error) => !left && setState({ opened: null, error }),
    );
    return () => {
      left = true;
      setState(NOTHING);
      void opening
        .then((opened) => opened.close())
        .then(() => end())
        .catch(() => undefined);
    };
  }, [key]);
  return state;
}
