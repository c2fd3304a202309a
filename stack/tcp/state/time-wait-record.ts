/** What is left of a connection in TIME-WAIT; close/time-wait.ts says what becomes of it. */
import type { Flow } from '../../ip/packet/flow.ts';
import type { AgeEntry } from '../../storage/age-list.ts';
import type { Tcb } from './tcb.ts';

export class TimeWait implements AgeEntry<TimeWait> {
  older: TimeWait | null = null;
  younger: TimeWait | null = null;
  expiresAt: number;
  readonly flow: Flow;
  readonly sndNxt: number;
  readonly rcvNxt: number;
  /** As the last ACK had it. */
  readonly window: number;
  readonly timestamps: boolean;
  readonly timestampOffset: number;
  readonly tsRecent: number;

  constructor(tcb: Tcb, window: number, expiresAt: number) {
    this.flow = tcb.flow;
    this.sndNxt = tcb.sndNxt;
    this.rcvNxt = tcb.rcvNxt;
    this.timestamps = tcb.timestamps;
    this.timestampOffset = tcb.timestampOffset;
    this.tsRecent = tcb.tsRecent;
    this.window = window;
    this.expiresAt = expiresAt;
  }
}
