/**
 * Whether what is written is saved, in words, always in sight. Bad news is shown at once;
 * "Saved" only after a moment without edits, so that typing does not make it flicker.
 */
import type { DocumentStatus } from "@studyhall/client";
import { IconAlertTriangle, IconCircleCheck, IconCloudUpload } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { wordsOf, type Tone } from "./words";

const QUIET_MS = 500;
const ICONS: Record<Tone, typeof IconCircleCheck> = {
  good: IconCircleCheck,
  wait: IconCloudUpload,
  stop: IconAlertTriangle,
};

export function SaveState({ status }: { status: DocumentStatus }) {
  const [shown, setShown] = useState(status);
  useEffect(() => {
    if (status.state !== "saved") return setShown(status);
    const timer = setTimeout(() => setShown(status), QUIET_MS);
    return () => clearTimeout(timer);
  }, [status]);
  const { text, tone } = wordsOf(shown);
  const Icon = ICONS[tone];
  return (
    <span role="status" aria-label="Save state" className="save-state" data-tone={tone}>
      <Icon size={16} aria-hidden />
      {text}
    </span>
  );
}
