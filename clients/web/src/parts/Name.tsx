/** What somebody is called, from their id. */
import { useQuery } from "@tanstack/react-query";
import { nameOf, useHall, useWho } from "../hall";

export function Name({ id }: { id: string }) {
  const hall = useHall();
  const { person } = useWho();
  const own = person?.id === id;
  const name = useQuery({ queryKey: ["person", id], queryFn: () => hall.people.nameOf(id), enabled: !own, staleTime: 60_000 });
  return <>{own ? nameOf(person) : (name.data ?? "…")}</>;
}
