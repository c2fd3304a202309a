/** A UDP port of ours, its clients, and the far end that each of them is joined to. */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DatagramForward } from '../../../src/publish/udp/datagram-forward.ts';
import { until } from '../../support/until.ts';
import { LogLines } from '../cluster/probe.ts';

const IDLE_MS = 120_000;
const MAX_FLOWS = 1024;

let log: LogLines;
let now: number;
let far: Socket;
let front: Socket;
let forward: DatagramForward;
/** Whom the far end has heard of, and what. */
let heard: { text: string; from: RemoteInfo }[];
let opened: Socket[];
const clients: Socket[] = [];

const told = () => log.lines.filter((line) => !line.startsWith('debug: '));

beforeEach(async () => {
  [log, now, heard, opened] = [new LogLines(), 0, [], []];
  far = await bound();
  far.on('message', (message, from) => {
    heard.push({ text: String(message), from });
    far.send(`re: ${String(message)}`, from.port, from.address);
  });
  front = await bound();
  start();
});
afterEach(() => {
  forward.close();
  far.close();
  for (const socket of clients.splice(0)) socket.close();
});

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function start(connect: () => Promise<Socket> = connected): void {
  forward = new DatagramForward({ label: 'front', socket: front, connect, log, now: () => now });
}

async function connected(): Promise<Socket> {
  const socket = createSocket('udp4');
  opened.push(socket);
  socket.connect(far.address().port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function client(): Promise<{ ask: (text: string) => Promise<string>; send: (text: string) => void }> {
  const socket = await bound();
  clients.push(socket);
  const { port } = front.address();
  const send = (text: string): void => socket.send(text, port, '127.0.0.1');
  const ask = async (text: string): Promise<string> => {
    const answer = once(socket, 'message');
    send(text);
    return String((await answer)[0]);
  };
  return { ask, send };
}

test('each client gets its own answers, by a socket of its own', async () => {
  const [one, two] = [await client(), await client()];
  expect(await Promise.all([one.ask('a'), two.ask('b')])).toEqual(['re: a', 're: b']);
  expect(await one.ask('c')).toBe('re: c');
  const ports = heard.map(({ from }) => from.port);
  expect(ports[2]).toBe(ports[heard.findIndex(({ text }) => text === 'a')]);
  expect(new Set(ports).size).toBe(2);
});

test('what comes before the far side is there is kept, in order and in bounds', async () => {
  let go: (() => void) | undefined;
  forward.close();
  front = await bound();
  start(async () => {
    await new Promise<void>((resolve) => (go = resolve));
    return connected();
  });
  const one = await client();
  const received = vi.fn();
  front.on('message', received);
  for (let i = 0; i < 100; i++) one.send(String(i));
  await until(async () => received.mock.calls.length === 100);
  go?.();
  await until(async () => heard.length >= 64);
  expect(await one.ask('end')).toMatch(/^re: /);
  await until(async () => heard.at(-1)?.text === 'end');
  expect(heard.map(({ text }) => text)).toEqual([...Array.from({ length: 64 }, (_, i) => String(i)), 'end']);
});

test('a client that has been quiet is forgotten, and is a new one then', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const one = await client();
    await one.ask('a');
    now = IDLE_MS - 1;
    vi.advanceTimersByTime(10_000);
    await one.ask('b');
    now += IDLE_MS;
    vi.advanceTimersByTime(10_000);
    await one.ask('c');
    const [a, b, c] = heard.map(({ from }) => from.port);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
  } finally {
    vi.useRealTimers();
  }
});

test('past the bound, the one that was not used again goes', async () => {
  const used = await client();
  await used.ask('a');
  await used.ask('b');
  const before = opened.length;
  for (let i = 0; i < MAX_FLOWS; i++) await (await client()).ask('x');
  await used.ask('c');
  const ports = heard.filter(({ text }) => text.length === 1 && text !== 'x').map(({ from }) => from.port);
  expect(new Set(ports).size).toBe(1);
  expect(opened.length - before).toBe(MAX_FLOWS);
}, 60_000);

test('a far side that can not be had is told, and tried again', async () => {
  forward.close();
  front = await bound();
  let attempts = 0;
  start(() => (++attempts === 1 ? Promise.reject(new Error('no socket')) : connected()));
  const one = await client();
  one.send('lost');
  await until(async () => told().length > 0);
  expect(told()).toEqual(['info: front: no socket']);
  expect(await one.ask('a')).toBe('re: a');
});

test('nobody is bound at the far end: nothing is lost but the datagram', async () => {
  const { port } = far.address();
  far.close();
  const one = await client();
  one.send('lost');
  one.send('lost');
  far = createSocket('udp4').bind(port, '127.0.0.1');
  await once(far, 'listening');
  far.on('message', (message, from) => far.send(`re: ${String(message)}`, from.port, from.address));
  let answer = '';
  void one.ask('again').then((text) => (answer = text));
  await until(async () => {
    one.send('again');
    return answer !== '';
  });
  expect(answer).toMatch(/^re: /);
});

test('a client whose source port is 0 wants no answer (RFC 768), and gets none', async () => {
  front.emit('message', Buffer.from('told'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 4 });
  await until(async () => heard.length > 0);
  // What the far end has answered to that has come by the time that it answers this.
  expect(await (await client()).ask('a')).toBe('re: a');
  expect(heard.map(({ text }) => text)).toEqual(['told', 'a']);
});
