/**
 * What is said over a control socket: a request, one line of JSON; then answers,
 * a line each. Both ends are this program, of one user.
 *
 *     status   →  one `status`
 *     join     →  `joined`; the connection then stands for the command: it ends with the other
 *     logs     →  `line` by line; to the end of the sandbox with `follow`
 *     down     →  nothing: the connection ends when all is gone
 *
 * Any of them may be answered by `failed`.
 */

import type { Socket } from 'node:net';
import type { Namespaces } from '../../sandbox/index.ts';
import type { Actionable } from '../errors.ts';
import type { PublishedPort } from '../publish/index.ts';
import type { SessionSummary } from '../session/session.ts';
import type { Traffic } from '../session/standing.ts';
import type { LoggedLine } from './log-ring.ts';
import type { Environment } from './state-directory.ts';

export type Request =
  | { readonly kind: 'status' }
  /** The environment of who joins, to be made that of a command of this sandbox. */
  | { readonly kind: 'join'; readonly environment: Environment }
  | { readonly kind: 'logs'; readonly follow: boolean }
  | { readonly kind: 'down' };

export interface Status {
  /** Of the process that runs the sandbox. */
  readonly pid: number;
  readonly state: 'starting' | 'running';
  /** ISO 8601. */
  readonly since: string;
  readonly contexts: readonly Pick<SessionSummary[number], 'context' | 'namespaces' | 'selection'>[];
  /** Commands that have joined. */
  readonly commands: number;
  readonly traffic: Traffic;
  readonly published: readonly PublishedPort[];
}

export interface Joined {
  /** The numbers of open files of the process that answers. */
  readonly namespaces: Namespaces;
  readonly netAdmin: boolean;
  readonly environment: Environment;
}

export type Reply =
  | ({ readonly kind: 'status' } & Status)
  | ({ readonly kind: 'joined' } & Joined)
  | ({ readonly kind: 'line' } & LoggedLine)
  | ({ readonly kind: 'failed' } & Pick<Actionable, 'code' | 'message' | 'remedy'>);

/** An environment has at most a few MiB (execve(2)), and JSON may double it. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

export function send(socket: Socket, message: Request | Reply): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

/** Calls back with each line; one that is too long ends the connection. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  // A line may come in a hundred pieces: each is looked at once.
  let pieces: string[] = [];
  let length = 0;
  socket.setEncoding('utf8').on('data', (text: string) => {
    const [first = '', ...more] = text.split('\n');
    pieces.push(first);
    length += first.length;
    for (const line of more) {
      onLine(pieces.join(''));
      pieces = [line];
      length = line.length;
    }
    if (length > MAX_LINE_LENGTH) socket.destroy();
  });
}
