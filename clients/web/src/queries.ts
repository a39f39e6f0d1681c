/**
 * The questions that screens ask, by key. The SDK answers from this device when the
 * server is away, so a query runs offline too. Knows no screen.
 */
import { QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useHall } from "./hall";

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { networkMode: "always", retry: false, staleTime: 5_000, refetchInterval: 30_000 },
      mutations: { networkMode: "always", retry: false },
    },
  });
}

export function useRooms() {
  const hall = useHall();
  return useQuery({ queryKey: ["rooms"], queryFn: () => hall.rooms.list() });
}

export function useRoom(id: string) {
  const hall = useHall();
  return useQuery({ queryKey: ["room", id], queryFn: () => hall.rooms.show(id) });
}

export function useParticipants(room: string) {
  const hall = useHall();
  return useQuery({ queryKey: ["room", room, "participants"], queryFn: () => hall.rooms.participants(room) });
}

/** One's own notes, or those of a room. */
export function useNotes(room?: string) {
  const hall = useHall();
  const queries = useQueryClient();
  // What was left unsent is sent in the background: then it is no longer said to be unsaved.
  useEffect(() => hall.notes.onSettled(() => void queries.invalidateQueries({ queryKey: ["notes"] })), [hall, queries]);
  return useQuery({ queryKey: ["notes", room ?? "own"], queryFn: () => hall.notes.list({ room }) });
}

/** What can be brought back. */
export function useTrash() {
  const hall = useHall();
  // What is deleted in a document is in the trash as soon as its rows follow.
  return useQuery({ queryKey: ["trash"], queryFn: () => hall.trash.list(), refetchInterval: 2_000 });
}

/** A note's versions, newest first. */
export function useVersions(note: string) {
  const hall = useHall();
  return useQuery({ queryKey: ["note", note, "history"], queryFn: () => hall.notes.history(note) });
}

export function useVersion(note: string, version: number) {
  const hall = useHall();
  return useQuery({ queryKey: ["note", note, "history", version], queryFn: () => hall.notes.version(note, version) });
}
