import type { Socket } from 'node:net';

/** Of a socket that is open. Node tells it by the handle alone. */
export function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number')
    return handle.fd;
  throw new Error('the socket has no file descriptor');
}
