/**
 * What shows whether a command has got around policy: the audit, which has each
 * flow that was decided on, and servers on the near host, which nobody may reach.
 */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Serving } from '../../support/serving.ts';
import { FAR, Outside } from './outside.ts';

/** Of the near host's servers. */
export const NEAR_PORT = 7777;

/** A test's own last step. When it is answered, all that was sent before has been looked at: the link keeps the order. */
export const LAST_WORD = ['udp', FAR[4], 7001, 'over'] as const;

const NEAR_SERVER = `
const tell = (what) => () => console.log(what);
require('node:net').createServer(tell('connection')).listen(${NEAR_PORT}, '::', tell('ready'));
for (const type of ['udp4', 'udp6']) {
  const socket = require('node:dgram').createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', tell('datagram')).bind(${NEAR_PORT});
}`;

export class Watched {
  readonly outside: Outside;
  /** A file, for --audit. */
  readonly audit: string;
  readonly #near: Serving;

  private constructor(outside: Outside, near: Serving) {
    this.outside = outside;
    this.audit = join(outside.folder, 'audit.jsonl');
    this.#near = near;
  }

  static async start(): Promise<Watched> {
    const outside = await Outside.start();
    return new Watched(outside, await outside.serveNear([process.execPath, '-e', NEAR_SERVER]));
  }

  /** What has come to the near host so far. */
  get reached(): readonly string[] {
    return this.#near.lines.slice(1);
  }

  /** Each flow that was decided on, but for the last word. */
  decided(): string[] {
    const lines = readFileSync(this.audit, 'utf8').trimEnd().split('\n');
    return lines
      .map((line) => JSON.parse(line))
      .filter(({ event, port }) => event === 'start' && port !== LAST_WORD[2])
      .map(({ protocol, address, port, verdict }) => `${verdict} ${protocol} ${address} ${port}`);
  }

  forget(): void {
    rmSync(this.audit, { force: true });
  }

  close(): Promise<void> {
    return this.outside.close();
  }
}
