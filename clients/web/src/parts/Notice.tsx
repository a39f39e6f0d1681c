/** Something to be said in place: what it is about, and what can be done. Calm in any scheme. */
import { Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  tone: "wait" | "stop";
  /** `alert` when it is news that interrupts, `status` when it only describes. */
  role: "alert" | "status";
  title?: string;
  children: ReactNode;
}

export function Notice({ tone, role, title, children }: Props) {
  return (
    <div role={role} className="sheet notice" data-tone={tone}>
      {title && (
        <Text fw={600} mb={4}>
          {title}
        </Text>
      )}
      {children}
    </div>
  );
}
