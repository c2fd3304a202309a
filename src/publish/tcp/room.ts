/**
 * How many connections one side may have at once.
 *
 * Past its limit of open files, Node takes a client and drops it without a word
 * to anybody (uv__emfile_trick of libuv), and all else of this process fails too.
 * So a bound of our own comes first, of which a line can tell.
 */

import { openFileLimit } from '../../egress/index.ts';

const MAX_CONNECTIONS = 4096;
/** Two files a connection, published and host ports: together they leave a third of all files to the rest. */
const FILES_PER_CONNECTION = 6;

/** @param files that this process may have open */
export function roomForConnections(files = openFileLimit()): number {
  return Math.min(MAX_CONNECTIONS, Math.floor(files / FILES_PER_CONNECTION));
}
