/**
 * The room's pomodoro timer: one clock for everybody in it, with or without a server.
 * Nothing begins by itself. Loaded when needed, since documents are.
 */
import "./timer.css";
import { ActionIcon, Button, Group, RingProgress, Stack, Text, Tooltip } from "@mantine/core";
import { phaseAfter, type OpenRoomState, type RoomTimer, type Timer } from "@studyhall/client";
import { IconPlayerPauseFilled, IconPlayerPlayFilled, IconPlayerSkipForward, IconRefresh } from "@tabler/icons-react";
import { useHall, useObservable } from "../hall";
import { Failure, Loading } from "../parts/Message";
import { Refused } from "../parts/Refused";
import { SaveState } from "../parts/SaveState";
import { isElsewhere, isWritable } from "../parts/words";
import { useOpened } from "../parts/useOpened";
import { Lengths } from "./Lengths";
import { useRemaining } from "./useRemaining";
import { clockOf, PHASES } from "./words";

export function TimerCard({ room }: { room: string }) {
  const hall = useHall();
  const { opened, error } = useOpened(room, () => hall.rooms.open(room));
  if (error !== null) return <Failure error={error} />;
  if (!opened) return <Loading what="the timer" />;
  return <OpenTimer open={opened} />;
}

function OpenTimer({ open }: { open: OpenRoomState }) {
  const { state } = open;
  const hall = useHall();
  const status = useObservable(open.status);
  const shown = useObservable(state.timer);
  const left = useRemaining(shown.timer, hall.rooms.now);
  const writable = isWritable(status);
  if (isElsewhere(status)) return <Refused thing="timer" refusal="other-engine" />;
  const whole = shown.timer?.duration_s ?? shown.config.focus_s;
  const seconds = left ?? whole;
  return (
    <Stack gap="xs" align="stretch" className="sheet timer">
      {status.refusal && <Refused thing="timer" refusal={status.refusal} />}
      <RingProgress
        size={172}
        thickness={7}
        roundCaps
        aria-hidden
        transitionDuration={0}
        rootColor="var(--line)"
        sections={[{ value: (100 * seconds) / whole, color: colourOf(shown.timer) }]}
        label={
          <Stack gap={0} align="center">
            <span className="timer-phase">{phraseOf(shown.timer, left)}</span>
            <span className="timer-clock">{clockOf(seconds)}</span>
            <span className="timer-round">{roundOf(shown)}</span>
          </Stack>
        }
      />
      <span role="timer" aria-label="Time left" className="timer-spoken">
        {clockOf(seconds)}
      </span>
      <span role="status" aria-label="Phase" className="timer-spoken">
        {phraseOf(shown.timer, left)}, {roundOf(shown)}
      </span>
      {writable && <Actions open={open} shown={shown} left={left} />}
      <Group justify="center">
        <SaveState status={status} />
      </Group>
    </Stack>
  );
}

function Actions({ open: { state }, shown, left }: { open: OpenRoomState; shown: RoomTimer; left: number | null }) {
  const { timer } = shown;
  const runs = timer !== null && timer.paused_remaining_s === null && left !== 0;
  return (
    <Group gap="xs" justify="center" wrap="nowrap">
      <Button
        variant={runs ? "default" : "filled"}
        leftSection={runs ? <IconPlayerPauseFilled size={14} /> : <IconPlayerPlayFilled size={14} />}
        onClick={() => state.act(runs ? "pause" : "start")}
      >
        {runs ? "Pause" : startOf(shown, left)}
      </Button>
      <Tooltip label="Skip to the next phase">
        <ActionIcon variant="subtle" color="gray" c="inherit" size="lg" aria-label="Skip to the next phase" onClick={() => state.act("skip")}>
          <IconPlayerSkipForward size={17} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Reset">
        <ActionIcon
          variant="subtle"
          color="gray"
          c="inherit"
          size="lg"
          aria-label="Reset the timer"
          disabled={timer === null}
          onClick={() => state.act("reset")}
        >
          <IconRefresh size={17} />
        </ActionIcon>
      </Tooltip>
      <Lengths config={shown.config} change={(config) => state.configure(config)} />
    </Group>
  );
}

/** What the timer is at, in words. */
function phraseOf(timer: Timer | null, left: number | null): string {
  if (timer === null) return "Not started";
  if (left === 0) return `${PHASES[timer.phase]} is over`;
  return timer.paused_remaining_s === null ? PHASES[timer.phase] : `${PHASES[timer.phase]}, paused`;
}

function roundOf({ timer, config }: RoomTimer): string {
  return `Round ${(((timer?.cycle ?? 1) - 1) % config.rounds) + 1} of ${config.rounds}`;
}

/** What starting does now. */
function startOf({ timer, config }: RoomTimer, left: number | null): string {
  if (timer === null) return "Start";
  if (left !== 0) return "Go on";
  return `Start ${PHASES[phaseAfter(timer, config)].toLowerCase()}`;
}

function colourOf(timer: Timer | null): string {
  return timer === null || timer.phase === "focus" ? "moss" : "var(--wait)";
}
