/**
 * One question to several servers, or several times to one: the next is asked
 * when the one before has failed, or has not answered for a while. Who was asked
 * before may answer still, as it may for getaddrinfo: a resolver that has to ask
 * far away takes longer than a retry does. The first answer that says something
 * counts, and all the others are given up.
 */

export interface Attempt {
  readonly ask: (signal: AbortSignal) => Promise<Uint8Array>;
  /** It has failed, or is waited for no longer alone. */
  readonly onFailure: (why: string) => void;
}

export interface Patience {
  /** Before the next one is asked. */
  readonly eachMs: number;
  readonly allMs: number;
  /** Whether an answer settles it; one that does not is taken where nobody has a better one. */
  readonly isAnswer: (answer: Uint8Array) => boolean;
}

/** @returns undefined where nobody has answered */
export function askInTurn(
  attempts: readonly Attempt[],
  { eachMs, allMs, isAnswer }: Patience,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const over = new AbortController();
    let next = 0;
    let second: Uint8Array | undefined;
    let timer: NodeJS.Timeout | undefined;
    const settle = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      clearTimeout(last);
      over.abort();
      resolve(answer);
    };
    const last = setTimeout(() => settle(second), allMs);
    const startNext = (): void => {
      clearTimeout(timer);
      if (next < attempts.length) start(next++);
      else settle(second);
    };
    const start = (index: number): void => {
      const { ask, onFailure } = attempts[index];
      timer = setTimeout(() => {
        onFailure(`no answer within ${eachMs} ms`);
        startNext();
      }, eachMs);
      const fail = (why: string): void => {
        if (over.signal.aborted) return;
        onFailure(why);
        // One that has been passed over already had its time.
        if (index === next - 1) startNext();
      };
      const take = (answer: Uint8Array): void => {
        if (over.signal.aborted) return;
        if (isAnswer(answer)) {
          settle(answer);
          return;
        }
        second = answer;
        fail('it has no answer');
      };
      ask(over.signal).then(take, (error: unknown) =>
        fail(error instanceof Error ? error.message : String(error)),
      );
    };
    startNext();
  });
}
