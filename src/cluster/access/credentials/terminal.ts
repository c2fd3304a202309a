/** Whose the terminal is: a login plugin may ask there, until the command has it. */
export class Terminal {
  #released = false;

  get released(): boolean {
    return this.#released;
  }

  /** Whether there is somebody to ask. */
  get interactive(): boolean {
    return !this.#released && process.stdin.isTTY;
  }

  release(): void {
    this.#released = true;
  }
}
