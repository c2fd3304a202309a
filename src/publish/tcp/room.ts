/**
 * How many connections one side may have at once.
 *
 * Past its limit of open files, Node takes a client and drops it without a word
 * to anybody (uv__emfile_trick of libuv), and all else of this process fails too.
 * So a bound of our own comes first, of which a line can tell.
 */

import { readFileSync } from 'node:fs';

const MAX_CONNECTIONS = 4096;
/** Two files a connection, published and host ports: together they leave a third of all files to the rest. */
const FILES_PER_CONNECTION = 6;

/** @param limits as proc(5) has them of this process, whose soft limit Node has raised to the hard one */
export function roomForConnections(limits = ownLimits()): number {
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(MAX_CONNECTIONS, Math.floor(files / FILES_PER_CONNECTION));
}

function ownLimits(): string {
  return readFileSync('/proc/self/limits', 'utf8');
}
