/**
 * What counts.test.ts runs in its two namespaces: `far` serves, `near` is the
 * program itself, with a command in its sandbox, and prints what each piece of
 * work has cost it as JSON lines.
 *
 * The way is the real one: link, stack, directory, policy, relay, a socket of
 * the host. The command says where a piece of work begins and ends by a connection to an
 * address that means just that.
 */

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { launch } from '../../sandbox/index.ts';
import { AddressPlan } from '../../src/names/address-plan.ts';
import { createLog } from '../../src/observe/log.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../src/relay/stream.ts';
import { linkOptions } from '../../src/session/link.ts';
import { openEgress } from '../../src/session/outside/egress.ts';
import { readEgressSettings } from '../../src/session/outside/settings.ts';
import { Directory } from '../../src/session/routing/directory.ts';
import { connectStack } from '../../src/session/sandbox-network.ts';
import { TEST_LINK } from '../support/test-link.ts';
import { difference, startCounting, tally, type Tally } from './tally.ts';
import { type Kind, KINDS, PORTS, WORK } from './work.ts';

const SERVER = '192.0.2.2';
/** A connection to it is refused, and has been noticed. */
const MARK = '198.51.100.1';
const SETTLE_MS = 20;

declare const gc: () => void;

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

// The far host.

const SERVICES: Record<keyof typeof PORTS, (socket: Socket) => void> = {
  sink: (socket) => socket.resume().once('end', () => socket.end()),
  source: (socket) => socket.once('data', (head) => socket.end(Buffer.alloc(head.readUInt32BE(0)))),
  echo: (socket) => socket.on('data', (chunk) => socket.write(chunk)).once('end', () => socket.end()),
};

async function serve(): Promise<void> {
  for (const name of ['sink', 'source', 'echo'] as const) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => {}); // its end is told by the other side
      SERVICES[name](socket);
    });
    server.listen(PORTS[name], SERVER);
    await once(server, 'listening');
  }
  say('ready');
}

// The program.

/** Of a piece of work's second mark, what came since its first. */
class Marks {
  #before: Tally | undefined;

  async set(kind: Kind): Promise<void> {
    const now = tally();
    // What the collector has done is told a little later.
    await delay(SETTLE_MS);
    if (this.#before === undefined) {
      gc();
      await delay(SETTLE_MS);
      this.#before = tally();
    } else {
      say({ kind, ...difference(this.#before, { ...now, collections: tally().collections }) });
      this.#before = undefined;
    }
  }
}

/** Nobody is there, as is said once the mark is set. */
class MarkStream implements RemoteStream {
  constructor(set: Promise<void>, events: RemoteStreamEvents) {
    void set.then(() => events.onError(new RemoteStreamError('refused', 'a mark')));
  }
  write(): void {}
  end(): void {}
  pause(): void {}
  resume(): void {}
  destroy(): void {}
}

async function run(): Promise<void> {
  const plan = new AddressPlan('10.0.1.0/24', 'fd6b:6e73::/64');
  const log = createLog(0);
  const sandbox = await launch({
    command: [process.execPath, '--eval', WORK, SERVER, MARK],
    link: linkOptions(plan, TEST_LINK),
  });
  startCounting(sandbox.device);
  const directory = new Directory({ plan, contexts: [], domain: 'cluster.local', log });
  const marks = new Marks();
  const mark = {
    name: 'mark',
    hasPort: () => true,
    dial: (port: number, events: RemoteStreamEvents) => new MarkStream(marks.set(KINDS[port - 1]), events),
  };
  directory.addEndpoint(mark, { names: [], literals: [MARK] });
  const settings = await readEgressSettings({ rules: [], proxies: [], dryRun: false });
  const egress = await openEgress({ settings, log });
  const stack = connectStack({ sandbox, directory, egress, log });
  sandbox.start();
  const { code } = await sandbox.exited;
  stack.stop();
  await Promise.all([egress.close(), sandbox.close()]);
  process.exitCode = code;
}

if (process.argv[2] === 'far') await serve();
else await run();
