/**
 * A room's state over a Yjs document: the root map `state` with `timer` and
 * `timer_config`, as the server reads them. Everything works offline. Knows no server.
 */
import type * as Y from "yjs";
import { plain } from "./maps.js";
import { Value, type Observable } from "./observable.js";
import { asTimer, asTimerConfig, timerAfter, USUAL_CONFIG, type Timer, type TimerAction, type TimerConfig } from "./timer.js";

export interface RoomTimer {
  /** Null while it is not started. */
  timer: Timer | null;
  config: TimerConfig;
}

export class RoomState {
  private readonly state: Y.Map<unknown>;
  private shown: Value<RoomTimer> | null = null;

  constructor(
    doc: Y.Doc,
    private readonly now: () => number = Date.now,
  ) {
    this.state = doc.getMap("state");
  }

  /** The timer and how long its phases are, followed as they change. */
  get timer(): Observable<RoomTimer> {
    if (!this.shown) {
      const shown = new Value(this.read());
      this.state.observeDeep(() => shown.set(this.read()));
      this.shown = shown;
    }
    return this.shown;
  }

  /** `start` also goes on after a pause, and with the next phase when this one is over. */
  act(action: TimerAction): void {
    const { timer, config } = this.read();
    const after = timerAfter(timer, action, config, this.now());
    if (!same(timer, after)) this.state.set("timer", after);
  }

  /** Changes how long phases are, for those that begin from now on. */
  configure(change: Partial<TimerConfig>): void {
    const { config } = this.read();
    const wanted = asTimerConfig({ ...config, ...change });
    if (!wanted) throw new RangeError("A phase takes 1 s to 4 h, and there are 1 to 100 rounds.");
    if (!same(config, wanted)) this.state.set("timer_config", wanted);
  }

  private read(): RoomTimer {
    const timer = asTimer(plain(this.state.get("timer")));
    return { timer, config: asTimerConfig(plain(this.state.get("timer_config"))) ?? USUAL_CONFIG };
  }
}

function same(a: object | null, b: object | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
