/**
 * Resets by the far end, behind what it sent before them.
 *
 * A kernel that has taken bytes and then a reset gives the bytes first. Node
 * takes the reset for an end where both are read together (uv__stream_io of
 * libuv); the socket still has the error then. And it destroys a socket by which
 * a write has failed, with what was not read: here such a write counts as taken,
 * so that reading goes on. Nothing is written any more after it.
 */

import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { systemError } from '../../../sandbox/index.ts';
import { fdOf } from '../../socket-fd.ts';
import { codeOf } from '../../system-error.ts';

type Done = (error?: Error | null) => void;

/** What a write finds once the far end has reset (tcp(7)). */
const CODES_OF_RESET: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export class Resets {
  readonly #socket: Socket;
  readonly #errnoOf: (fd: number) => number;
  #failedWrite: Error | undefined;

  /**
   * @param errnoOf as SocketStates has it
   * @param onFailedWrite what can still be read is the last of it, and then comes the end
   */
  constructor(socket: Socket, errnoOf: (fd: number) => number, onFailedWrite: (error: Error) => void) {
    this.#socket = socket;
    this.#errnoOf = errnoOf;
    const write = socket._write.bind(socket);
    const writev = socket._writev?.bind(socket);
    const held =
      (done: Done): Done =>
      (error) => {
        if (error === undefined || error === null || !CODES_OF_RESET.has(codeOf(error))) {
          done(error);
          return;
        }
        this.#failedWrite ??= error;
        done();
        onFailedWrite(error);
      };
    socket._write = (chunk, encoding, done) =>
      this.#failedWrite === undefined ? write(chunk, encoding, held(done)) : done();
    if (writev !== undefined)
      socket._writev = (chunks, done) =>
        this.#failedWrite === undefined ? writev(chunks, held(done)) : done();
  }

  /** When all is read: what the end is, if it is none. */
  get behindEnd(): Error | undefined {
    if (this.#failedWrite !== undefined || this.#socket.destroyed) return this.#failedWrite;
    const errno = this.#errnoOf(fdOf(this.#socket));
    // A reset behind a FIN breaks the way there alone.
    return errno === 0 || errno === constants.errno.EPIPE ? undefined : systemError('read', errno);
  }
}
