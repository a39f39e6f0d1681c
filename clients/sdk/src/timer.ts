/**
 * The pomodoro timer of a room, computed as the server computes it
 * (`schema/src/timer.rs`; both read `schema/fixtures/timer.json`): anchors, from which
 * every client has the same clock, offline too. Nothing ticks here, and nothing begins
 * by itself. Knows no document.
 */
import { asTime, asWhole, isFields, timeOf } from "./values.js";

export type Phase = "focus" | "short_break" | "long_break";
export type TimerAction = "start" | "pause" | "skip" | "reset";

/** The longest phase, in seconds. */
export const LONGEST_PHASE = 4 * 60 * 60;
const MOST_ROUNDS = 100;
const MOST_CYCLES = 2 ** 32 - 1;

/** How long phases are, in seconds, and rounds of focus before a long break. */
export interface TimerConfig {
  focus_s: number;
  short_break_s: number;
  long_break_s: number;
  rounds: number;
}

export const USUAL_CONFIG: TimerConfig = { focus_s: 25 * 60, short_break_s: 5 * 60, long_break_s: 15 * 60, rounds: 4 };

/** A timer that was started: one value, replaced whole. */
export interface Timer {
  phase: Phase;
  /** When the phase began, moved on by what it was paused. */
  phase_started_at: string;
  duration_s: number;
  /** What was left when it was paused; null while it runs. */
  paused_remaining_s: number | null;
  /** Which round of focus it is, or comes behind; the first is 1. */
  cycle: number;
}

const LENGTHS: Record<Phase, "focus_s" | "short_break_s" | "long_break_s"> = {
  focus: "focus_s",
  short_break: "short_break_s",
  long_break: "long_break_s",
};

/** Seconds that are left of the phase, rounded up; 0 when it is over. */
export function remainingSeconds(timer: Timer, now: number): number {
  return Math.ceil(remainingMillis(timer, now) / 1000);
}

/** The same in milliseconds: what is shown changes when a whole second has passed. */
export function remainingMillis({ phase_started_at, duration_s, paused_remaining_s }: Timer, now: number): number {
  if (paused_remaining_s !== null) return paused_remaining_s * 1000;
  const passed = Math.max(0, now - Date.parse(phase_started_at));
  return Math.max(0, duration_s * 1000 - passed);
}

/** The timer after somebody's action; null is one that is not started. */
export function timerAfter(timer: Timer | null, action: TimerAction, config: TimerConfig, now: number): Timer | null {
  if (action === "reset") return null;
  if (timer === null) return action === "pause" ? null : begin("focus", 1, config, now);
  if (action === "skip") return next(timer, config, now);
  const left = remainingSeconds(timer, now);
  if (action === "pause") return left === 0 ? timer : { ...timer, paused_remaining_s: left };
  if (timer.paused_remaining_s !== null) return resumed(timer, left, now);
  return left === 0 ? next(timer, config, now) : timer;
}

/** What comes behind this phase. */
export function phaseAfter({ phase, cycle }: Timer, { rounds }: TimerConfig): Phase {
  if (phase !== "focus") return "focus";
  return cycle % rounds === 0 ? "long_break" : "short_break";
}

/** A timer, when all of it is within limits. */
export function asTimer(value: unknown): Timer | null {
  if (!isFields(value)) return null;
  const phase = Object.keys(LENGTHS).find((name) => name === value["phase"]) as Phase | undefined;
  const phase_started_at = asTime(value["phase_started_at"]);
  const duration_s = asWhole(value["duration_s"], 1, LONGEST_PHASE);
  const cycle = asWhole(value["cycle"], 1, MOST_CYCLES);
  if (!phase || phase_started_at === null || duration_s === null || cycle === null) return null;
  const paused = value["paused_remaining_s"] ?? null;
  const paused_remaining_s = asWhole(paused, 0, duration_s);
  if (paused !== null && paused_remaining_s === null) return null;
  return { phase, phase_started_at, duration_s, paused_remaining_s, cycle };
}

/** How long phases are, when all of it is within limits. */
export function asTimerConfig(value: unknown): TimerConfig | null {
  if (!isFields(value)) return null;
  const length = (phase: Phase) => asWhole(value[LENGTHS[phase]], 1, LONGEST_PHASE);
  const [focus_s, short_break_s, long_break_s] = [length("focus"), length("short_break"), length("long_break")];
  const rounds = asWhole(value["rounds"], 1, MOST_ROUNDS);
  if (focus_s === null || short_break_s === null || long_break_s === null || rounds === null) return null;
  return { focus_s, short_break_s, long_break_s, rounds };
}

function begin(phase: Phase, cycle: number, config: TimerConfig, now: number): Timer {
  return { phase, phase_started_at: timeOf(now), duration_s: config[LENGTHS[phase]], paused_remaining_s: null, cycle };
}

function next(timer: Timer, config: TimerConfig, now: number): Timer {
  const phase = phaseAfter(timer, config);
  const cycle = phase === "focus" ? Math.min(timer.cycle + 1, MOST_CYCLES) : timer.cycle;
  return begin(phase, cycle, config, now);
}

function resumed(timer: Timer, left: number, now: number): Timer {
  const passed = (timer.duration_s - left) * 1000;
  return { ...timer, phase_started_at: timeOf(now - passed), paused_remaining_s: null };
}
