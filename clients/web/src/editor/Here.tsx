/** Who else has the note open just now, from awareness. Their names are text, never HTML. */
import { Avatar, Tooltip } from "@mantine/core";
import type { Note } from "@studyhall/client";
import { useEffect, useState } from "react";
import { colourOf } from "../parts/colour";

interface Somebody {
  id: string;
  name: string;
}

export function Here({ note, self }: { note: Note; self: string }) {
  const people = useOthers(note, self);
  return (
    <ul className="here" aria-label="Also here">
      {people.map(({ id, name }) => (
        <li key={id}>
          <Tooltip label={name}>
            <Avatar
              size={28}
              radius="xl"
              variant="filled"
              name={name}
              role="img"
              alt=""
              aria-label={name}
              styles={{ placeholder: { background: colourOf(id), color: "#fff" } }}
            />
          </Tooltip>
        </li>
      ))}
    </ul>
  );
}

function useOthers(note: Note, self: string): Somebody[] {
  const [others, setOthers] = useState<Somebody[]>([]);
  useEffect(() => {
    const read = () => {
      const found = new Map<string, string>();
      for (const [client, state] of note.awareness.getStates()) {
        const { id, name } = (state["user"] ?? {}) as Partial<Somebody>;
        if (client === note.awareness.clientID || typeof id !== "string" || id === self) continue;
        found.set(id, typeof name === "string" ? name.slice(0, 60) : "somebody");
      }
      setOthers([...found].map(([id, name]) => ({ id, name })));
    };
    read();
    note.awareness.on("change", read);
    return () => note.awareness.off("change", read);
  }, [note, self]);
  return others;
}
