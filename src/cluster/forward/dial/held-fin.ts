/**
 * The near side's FIN, from when it comes until the far end has closed too.
 *
 * It is held back until the pod has been silent (half-closed.ts). Silence does
 * not count while the near side does not read, while something of it is still to
 * be written, or while the connection to the API server does not answer either:
 * what looks like the end of an answer would be the middle of one. Then the
 * stream is ended, and the far end has to close it in turn, within
 * `farEndCloseMs` of the last that it has sent. Runtimes do so after a second; of
 * one that does not it is not known whether it has said all.
 */
import type { ForwardLimits } from '../limits.ts';
import type { HalfClosed } from './half-closed.ts';

interface HeldFinNeeds {
  readonly halfClosed: HalfClosed;
  readonly limits: ForwardLimits;
  /** Silence says nothing for now. */
  readonly excused: () => boolean;
  /** The FIN is to be passed on. */
  readonly onDue: () => void;
  /** The far end has not closed. */
  readonly onOverdue: () => void;
}

export class HeldFin {
  readonly #needs: HeldFinNeeds;
  readonly #due = (): void => this.#passOn();
  #closeTimer: NodeJS.Timeout | undefined;
  #passedOn = false;

  constructor(needs: HeldFinNeeds) {
    this.#needs = needs;
  }

  /** The FIN has come, or the pod has said something since. */
  touch(): void {
    if (this.#passedOn) this.#closeTimer?.refresh();
    else this.#needs.halfClosed.touch(this.#due);
  }

  /** The stream is over; another may take its place. */
  forget(): void {
    this.#needs.halfClosed.forget(this.#due);
    clearTimeout(this.#closeTimer);
    this.#passedOn = false;
  }

  #passOn(): void {
    const { halfClosed, limits, excused, onDue } = this.#needs;
    if (excused()) {
      halfClosed.touch(this.#due);
      return;
    }
    this.#passedOn = true;
    this.#closeTimer = setTimeout(() => this.#overdue(), limits.farEndCloseMs);
    onDue();
  }

  #overdue(): void {
    if (this.#needs.excused()) this.#closeTimer?.refresh();
    else this.#needs.onOverdue();
  }
}
