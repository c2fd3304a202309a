/**
 * The latest time the stack was told, in fractional milliseconds.
 *
 * Only `Stack.receive`, `poll` and `deviceWritable` move it; calls of the
 * application in between happen at the time of the last of these.
 */
export class Clock {
  nowMs: number;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }
}
