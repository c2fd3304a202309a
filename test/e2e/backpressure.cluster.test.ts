/** What must stay bounded: memory, when one side sends and the other does not read. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { startProgram } from '../support/program.ts';

const MIB = 1 << 20;
/** Buffers of the stack, the transport, the API server and three kernels, and a collector that takes its time. */
const BOUND = 128 * MIB;

/** A client on the inside: what it does, and when it prints that nothing moves any more. */
const CLIENT = `
const socket = require('node:net').connect(Number(process.argv[2]), 'multi');
let moved = 0, before = -1;
const report = () => {
  if (moved === before) { console.log(moved); return; }
  before = moved;
  setTimeout(report, 1000);
};
`;

/** Asks for 1 GiB, reads the first of it, and nothing after that. */
const NOT_READING = `${CLIENT}
socket.on('connect', () => socket.write('1073741824\\n'));
socket.once('data', (chunk) => { moved += chunk.length; socket.pause(); report(); });
socket.on('close', () => console.log('closed'));
setInterval(() => {}, 1000);
`;

/** Writes lines that a pod answers, without reading an answer: the pod stops reading in the end. */
const NOT_READ = `${CLIENT}
const line = Buffer.alloc(65536, 'x'); line[65535] = 10;
socket.pause();
const write = () => { while (moved < 2 ** 30) { moved += line.length; if (!socket.write(line)) return; } };
socket.on('drain', write).on('connect', () => { write(); report(); });
socket.on('close', () => console.log('closed'));
`;

interface Stalled {
  readonly said: string;
  readonly grownBytes: number;
}

function residentBytes(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  )?.[1];
  return Number(kib) * 1024;
}

/** Runs a client until nothing moves, and tells what the program's memory came to. */
async function stall(client: string, port: number): Promise<Stalled> {
  const script = `echo up; "$0" - ${port} <<'END'\n${client}\nEND`;
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', script, process.execPath]);
  if (child.stdout === null || child.pid === undefined) throw new Error('not started');
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  const before = residentBytes(child.pid, 'VmRSS');
  const [said] = (await once(lines, 'line')) as [string];
  const grownBytes = residentBytes(child.pid, 'VmHWM') - before;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
  return { said, grownBytes };
}

test('a client that does not read stops the pod', async () => {
  const { said, grownBytes } = await stall(NOT_READING, 19);
  expect(said).toMatch(/^\d+$/);
  expect(grownBytes).toBeLessThan(BOUND);
});

test('a pod that does not read stops the client', async () => {
  const { said, grownBytes } = await stall(NOT_READ, 79);
  expect(Number(said)).toBeGreaterThan(MIB);
  expect(Number(said)).toBeLessThan(BOUND);
  expect(grownBytes).toBeLessThan(BOUND);
});
