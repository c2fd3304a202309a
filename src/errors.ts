/**
 * Errors that a user can act on.
 *
 * Every wing has its own class for them; what they share is this shape, and
 * the command line prints it as one line. Anything else that is thrown is a
 * bug and shows its stack.
 */

/** An error with a stable code and what to do about it. */
export interface Actionable {
  /** Stable, UPPER_SNAKE_CASE; scripts may match it. */
  readonly code: string;
  /** A fragment in lower case, without a full stop: it is followed by the code and the remedy. */
  readonly message: string;
  /** What to do, in the same form, or a command. */
  readonly remedy: string;
}

/** What `src/` itself finds wrong: options, addresses, names. */
export class UsageError extends Error implements Actionable {
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, message: string, remedy: string) {
    super(message);
    this.name = 'UsageError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** The one line by which a user is told. */
export function actionLine({ message, code, remedy }: Actionable): string {
  return `${message} [${code}]: ${remedy}`;
}

export function isActionable(error: unknown): error is Error & Actionable {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'remedy' in error &&
    typeof error.remedy === 'string'
  );
}
