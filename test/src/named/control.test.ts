/** The two ends of a control socket, in one process, with a session that is made up. */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askStatus, askToEnd, askToJoin, readLog } from '../../../src/named/control-client.ts';
import { ControlServer } from '../../../src/named/control-server.ts';
import { LogRing } from '../../../src/named/log-ring.ts';
import { Claim, liveNames } from '../../../src/named/registry.ts';
import type { StandingSession } from '../../../src/session/standing.ts';

const NAMESPACES = { user: 11, net: 12, ipc: 13, mnt: 14, pid: 15 };

let state: string;
let log: LogRing;
let control: ControlServer;
let asked: string[];

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'kns-control-'));
  log = new LogRing();
  asked = [];
  const claim = await Claim.take(state, 'one');
  control = await ControlServer.listen({ claim, log, giveUp: () => asked.push('give up') });
});
afterEach(async () => {
  await control.close();
  rmSync(state, { recursive: true, force: true });
});

function session(changes: Partial<StandingSession> = {}): StandingSession {
  return {
    summary: [{ context: 'prod', selection: 'namespace shop', namespaces: ['shop'], serviceCount: 3 }],
    netAdmin: true,
    namespaces: async () => NAMESPACES,
    environment: async (ours) => ({ ...ours, no_proxy: 'web' }),
    traffic: () => ({ connections: 2, bytesFromCommand: 30, bytesToCommand: 40, deniedFlows: 5 }),
    publishedPorts: () => [],
    end: () => asked.push('end'),
    ...changes,
  };
}

const code = (code: string) => expect.objectContaining({ code });

describe('before the session stands', () => {
  test('its state is told, nobody joins, and it is given up when it is to end', async () => {
    expect(await askStatus(state, 'one')).toMatchObject({
      state: 'starting',
      pid: process.pid,
      contexts: [],
    });
    await expect(askToJoin(state, 'one', {})).rejects.toEqual(code('SANDBOX_NOT_READY'));
    const ended = askToEnd(state, 'one');
    await expect.poll(() => asked).toEqual(['give up']);
    await control.close();
    await ended;
  });
});

describe('a session that stands', () => {
  beforeEach(() => control.attend(session()));

  test('tells how it is', async () => {
    const status = await askStatus(state, 'one');
    expect(status).toMatchObject({
      state: 'running',
      contexts: [{ context: 'prod', namespaces: ['shop'], selection: 'namespace shop' }],
      commands: 0,
      traffic: { connections: 2, bytesFromCommand: 30, bytesToCommand: 40, deniedFlows: 5 },
    });
    expect(Math.abs(Date.now() - Date.parse(status.since))).toBeLessThan(60_000);
  });

  test('counts who has joined, and tells them its end before who waits for it', async () => {
    const member = await askToJoin(state, 'one', { MINE: 'ä\n' });
    expect(member).toMatchObject({
      pid: process.pid,
      namespaces: NAMESPACES,
      netAdmin: true,
      environment: { MINE: 'ä\n', no_proxy: 'web' },
    });
    expect((await askStatus(state, 'one')).commands).toBe(1);
    const order: string[] = [];
    const ended = askToEnd(state, 'one').then(() => order.push('ended'));
    await expect.poll(() => asked).toEqual(['end']);
    const left = member.ended.then(() => order.push('left')).finally(() => member.leave());
    await control.close();
    await Promise.all([ended, left]);
    expect(order).toEqual(['left', 'ended']);
    expect(existsSync(join(state, 'one'))).toBe(false);
  });

  test('no longer counts who has left', async () => {
    const member = await askToJoin(state, 'one', {});
    member.leave();
    await expect.poll(async () => (await askStatus(state, 'one')).commands).toBe(0);
  });

  test('an environment may be as large as the kernel takes', async () => {
    const large = 'x'.repeat(3 * 1024 * 1024);
    const member = await askToJoin(state, 'one', { large });
    expect(member.environment['large']).toBe(large);
    member.leave();
  });

  test('why it can not be joined is told as it is', async () => {
    const remedy = 'do this';
    const error = Object.assign(new Error('it is ending'), { code: 'JOIN_FAILED', remedy });
    control.attend(session({ namespaces: () => Promise.reject(error) }));
    await expect(askToJoin(state, 'one', {})).rejects.toMatchObject({
      code: 'JOIN_FAILED',
      message: 'it is ending',
      remedy,
    });
  });

  test('what is no request ends the connection, and no other', async () => {
    const socket = connect(join(state, 'one/control'));
    socket.write('{"kind":\n');
    await once(socket, 'close');
    expect((await askStatus(state, 'one')).state).toBe('running');
  });
});

test('the log is told from its first line kept; who follows is told until the end', async () => {
  for (let i = 1; i <= 2_001; i++) log.add(`line ${i}`);
  const kept: string[] = [];
  await readLog(state, 'one', false, ({ text }) => kept.push(text));
  expect([kept.length, kept[0], kept.at(-1)]).toEqual([2_000, 'line 2', 'line 2001']);
  const followed: string[] = [];
  const over = readLog(state, 'one', true, ({ text }) => followed.push(text));
  await expect.poll(() => followed.length).toBe(2_000);
  log.add('later');
  await expect.poll(() => followed.at(-1)).toBe('later');
  await control.close();
  await over;
});

/** Who has this uid at least, and no process that the tests know of. */
const STRANGER = 65_534;

/** Runs as another user, in a directory that this one could not come to by itself. */
async function asStranger(script: string): Promise<ChildProcess> {
  chmodSync(join(state, 'one'), 0o777);
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(state, 'one'),
    uid: STRANGER,
    gid: STRANGER,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child, 'spawn');
  return child;
}

describe.runIf(process.getuid?.() === 0)('somebody else', () => {
  test('is refused, and noted', async () => {
    control.attend(session());
    chmodSync(join(state, 'one/control'), 0o777);
    const ask = `import { connect } from 'node:net';
      connect('control').end('{"kind":"down"}\\n').pipe(process.stdout);`;
    const { stdout } = await asStranger(ask);
    const reply: unknown = JSON.parse(stdout === null ? '' : await text(stdout));
    expect(reply).toMatchObject({ kind: 'failed', code: 'CONTROL_DENIED' });
    expect(asked).toEqual([]);
    expect(log.lines.map((line) => line.text)).toEqual([
      expect.stringMatching(/^refused: process \d+ of user 65534 /),
    ]);
  });

  test('who answers in the place of a sandbox is told nothing', async () => {
    rmSync(join(state, 'one/control'));
    const pose = `import { createServer } from 'node:net';
      createServer((socket) => socket.on('data', () => console.log('told'))).listen('control', () => console.log('up'));`;
    const child = await asStranger(pose);
    if (child.stdout === null) throw new Error('no pipe');
    await once(createInterface({ input: child.stdout }), 'line');
    let told = '';
    child.stdout.on('data', (data: Buffer) => (told += data.toString()));
    try {
      for (const ask of [askStatus(state, 'one'), askToJoin(state, 'one', { SECRET: '1' })])
        await expect(ask).rejects.toEqual(code('SANDBOX_FOREIGN'));
    } finally {
      child.kill();
      await once(child, 'close');
    }
    expect(told).toBe('');
  });
});

test('one of this user’s that is in a sandbox itself is not told an environment', async () => {
  await control.close();
  mkdirSync(join(state, 'one'), { recursive: true });
  chmodSync(state, 0o700);
  const pose = `require('node:net').createServer((socket) => socket.on('data', () => console.log('told'))).listen('${state}/one/control', () => console.log('up'));`;
  const child = spawn('unshare', ['--user', '--map-current-user', process.execPath, '-e', pose], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(createInterface({ input: child.stdout }), 'line');
  let told = '';
  child.stdout.on('data', (data: Buffer) => (told += data.toString()));
  await expect(askToJoin(state, 'one', { SECRET: '1' })).rejects.toEqual(code('SANDBOX_FOREIGN'));
  child.kill();
  await once(child, 'close');
  expect(told).toBe('');
});

test('a directory that lets others write is not even looked at', async () => {
  chmodSync(state, 0o770);
  for (const ask of [askStatus(state, 'one'), askToJoin(state, 'one', {}), liveNames(state)])
    await expect(ask).rejects.toEqual(code('STATE_DIRECTORY_UNSAFE'));
});

test.each(['../one', '/one', 'one/', './one', '', '.', '..', 'x'.repeat(300), '4711'])(
  'no other way leads to a sandbox than its name: %j',
  async (name) => {
    const message = `there is no sandbox called "${name}"; there is one`;
    const remedy = 'kns-rootless list shows which there are';
    await expect(askStatus(state, name)).rejects.toMatchObject({ code: 'SANDBOX_UNKNOWN', message, remedy });
  },
);

test('one that is not there is told, with those that are', async () => {
  await expect(askStatus(state, 'two')).rejects.toMatchObject({
    code: 'SANDBOX_UNKNOWN',
    message: 'there is no sandbox called "two"; there is one',
  });
});
