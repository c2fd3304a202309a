/**
 * A reset that is one at any time.
 *
 * While a shutdown is under way, Node's own fails with EINVAL (uv_tcp_close_reset
 * of libuv), and then the socket is open for good: the far end hears nothing, and
 * the file is lost. Whoever sends a FIN and a reset in one turn of the event loop
 * could use up all of this process's files that way.
 */

import type { Duplex } from 'node:stream';

/** A socket, or what is reset as one. */
export interface Resettable extends Duplex {
  resetAndDestroy(): unknown;
}

export function reset(socket: Resettable): void {
  // Node shuts down once all is written; that takes the kernel no time, so that 'finish' is a turn away.
  const shutsDown = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  if (shutsDown) socket.once('finish', () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}
