/** Asks a sandbox by its name, over its control socket. */

import { closeSync } from 'node:fs';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { UsageError } from '../errors.ts';
import { codeOf } from '../system-error.ts';
import { notReady } from './errors.ts';
import type { LoggedLine } from './log-ring.ts';
import { type Joined, readLines, type Reply, type Request, send, type Status } from './protocol.ts';
import { trustServer } from './peer.ts';
import { entryPath, findEntry, isName, liveNames, SOCKET } from './registry.ts';
import { checkStateDirectory, type Environment } from './state-directory.ts';

/** One that runs answers in milliseconds, and one that was stopped not at all. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Its processes take up to 5 s to end, and so do the last commands in it. */
const DOWN_TIMEOUT_MS = 20_000;

/** @throws UsageError STATE_DIRECTORY_…, SANDBOX_UNKNOWN, SANDBOX_NOT_READY, SANDBOX_SILENT */
async function connectTo(state: string, name: string): Promise<Socket> {
  checkStateDirectory(state);
  const entry = findEntry(state, name);
  if (entry === undefined) throw await unknown(state, name);
  const socket = connect({ path: entryPath(entry, SOCKET), allowHalfOpen: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof Error && error.name === 'AbortError') throw silent(name);
    // The last: it has ended before it took the connection.
    if (!['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(codeOf(error))) throw error;
    throw await unknown(state, name);
  } finally {
    closeSync(entry);
  }
}

/** One connection: what is asked, and what is answered. */
class Conversation {
  readonly #socket: Socket;
  /** Of the process that listens. */
  readonly pid: number;
  /** The other end has no more to say, or is gone; it may wait for ours to close. */
  readonly ended: Promise<void>;
  /** What the sandbox has said in place of doing what it was asked for. */
  refusal: UsageError | undefined;

  private constructor(socket: Socket, pid: number, onReply: (reply: Reply) => void) {
    this.#socket = socket;
    this.pid = pid;
    socket.on('error', () => {}); // the other end is gone: `close` follows
    this.ended = new Promise((resolve) => {
      for (const event of ['end', 'close']) socket.once(event, () => resolve());
    });
    readLines(socket, (line) => {
      const reply: Reply = JSON.parse(line);
      if (reply.kind === 'failed') this.refusal = new UsageError(reply.code, reply.message, reply.remedy);
      else onReply(reply);
    });
  }

  static async start(
    state: string,
    name: string,
    request: Request,
    onReply: (reply: Reply) => void,
  ): Promise<Conversation> {
    const socket = await connectTo(state, name);
    try {
      const { pid } = await trustServer(socket, name, request.kind === 'join');
      send(socket, request);
      return new Conversation(socket, pid, onReply);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** To its end. @throws the refusal */
  async toEnd(): Promise<void> {
    await this.ended;
    this.close();
    if (this.refusal !== undefined) throw this.refusal;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The first answer, with the connection still open. */
async function ask(
  state: string,
  name: string,
  request: Request,
): Promise<{ reply: Reply; conversation: Conversation }> {
  const replies = new EventEmitter<{ reply: [Reply] }>();
  const conversation = await Conversation.start(state, name, request, (reply) =>
    replies.emit('reply', reply),
  );
  const timer = setTimeout(() => conversation.close(), ANSWER_TIMEOUT_MS);
  try {
    const first = once(replies, 'reply').then(([reply]: Reply[]) => reply);
    const reply = await Promise.race([first, conversation.ended]);
    if (reply === undefined) throw conversation.refusal ?? silent(name);
    return { reply, conversation };
  } catch (error) {
    conversation.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export async function askStatus(state: string, name: string): Promise<Status> {
  const { reply, conversation } = await ask(state, name, { kind: 'status' });
  conversation.close();
  if (reply.kind !== 'status') throw unexpected(reply);
  return reply;
}

/** While it is open, the sandbox knows of a command in it, and waits for that at its end. */
export interface Membership extends Joined {
  /** Who holds the namespaces open. */
  readonly pid: number;
  /** The sandbox has ended, or is about to. */
  readonly ended: Promise<void>;
  leave(): void;
}

export async function askToJoin(state: string, name: string, environment: Environment): Promise<Membership> {
  const { reply, conversation } = await ask(state, name, { kind: 'join', environment });
  if (reply.kind !== 'joined') throw unexpected(reply);
  const { pid, ended } = conversation;
  return { ...reply, pid, ended, leave: () => conversation.close() };
}

export async function readLog(
  state: string,
  name: string,
  follow: boolean,
  onLine: (line: LoggedLine) => void,
): Promise<void> {
  const conversation = await Conversation.start(state, name, { kind: 'logs', follow }, (reply) => {
    if (reply.kind === 'line') onLine(reply);
  });
  await conversation.toEnd();
}

/** Returns when all of it is gone. @throws UsageError SANDBOX_STUCK */
export async function askToEnd(state: string, name: string): Promise<void> {
  const conversation = await Conversation.start(state, name, { kind: 'down' }, () => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    conversation.close();
  }, DOWN_TIMEOUT_MS);
  try {
    await conversation.toEnd();
  } finally {
    clearTimeout(timer);
  }
  if (late)
    throw new UsageError(
      'SANDBOX_STUCK',
      `the sandbox "${name}" has not ended within ${DOWN_TIMEOUT_MS / 1000} s`,
      'kill its process, which ends it: kns-rootless list has the pid',
    );
}

/** Who is not reached is not there, or not yet. */
async function unknown(state: string, name: string): Promise<UsageError> {
  const names = await liveNames(state);
  if (names.includes(name)) return notReady(name);
  const others = names.length === 0 ? 'none is running' : `there is ${names.join(', ')}`;
  return new UsageError(
    'SANDBOX_UNKNOWN',
    `there is no sandbox called "${name}"; ${others}`,
    isName(name) ? `start it: kns-rootless up ${name}` : 'kns-rootless list shows which there are',
  );
}

function silent(name: string): UsageError {
  return new UsageError(
    'SANDBOX_SILENT',
    `the sandbox "${name}" does not answer`,
    'see whether its process was stopped: kns-rootless list has the pid; continue it by kill -CONT, or end it by kill -KILL',
  );
}

function unexpected({ kind }: Reply): Error {
  return new Error(`"${kind}" was answered, which was not asked for`);
}
