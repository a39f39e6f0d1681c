/** How long phases are, in minutes: for those that begin from now on. */
import { ActionIcon, NumberInput, Popover, Stack, Text, Tooltip } from "@mantine/core";
import { LONGEST_PHASE, type TimerConfig } from "@studyhall/client";
import { IconSettings } from "@tabler/icons-react";
import { useState } from "react";

const FIELDS = [
  { name: "focus_s", label: "Focus, minutes", unit: 60, most: LONGEST_PHASE / 60 },
  { name: "short_break_s", label: "Short break, minutes", unit: 60, most: LONGEST_PHASE / 60 },
  { name: "long_break_s", label: "Long break, minutes", unit: 60, most: LONGEST_PHASE / 60 },
  { name: "rounds", label: "Rounds before a long break", unit: 1, most: 100 },
] as const;

export function Lengths({ config, change }: { config: TimerConfig; change: (config: Partial<TimerConfig>) => void }) {
  const [asking, setAsking] = useState(false);
  return (
    <Popover opened={asking} onChange={setAsking} position="bottom-end" trapFocus returnFocus transitionProps={{ duration: 80 }}>
      <Popover.Target>
        <Tooltip label="Lengths">
          <ActionIcon variant="subtle" color="gray" c="inherit" size="lg" aria-label="Lengths of phases" onClick={() => setAsking(!asking)}>
            <IconSettings size={17} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label="Lengths of phases">
        <Stack gap="xs" w={210}>
          {FIELDS.map(({ name, label, unit, most }) => (
            <NumberInput
              key={name}
              size="sm"
              label={label}
              min={1}
              max={most}
              allowDecimal={false}
              clampBehavior="strict"
              value={Math.max(1, Math.round(config[name] / unit))}
              onChange={(value) => typeof value === "number" && value >= 1 && change({ [name]: value * unit })}
            />
          ))}
          <Text size="xs" className="quiet">
            They hold for everybody in the room, from the next phase on.
          </Text>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
