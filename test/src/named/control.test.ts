/** The two ends of a control socket, in one process, with a session that is made up. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askStatus, askToEnd, askToJoin, readLog } from '../../../src/named/control-client.ts';
import { ControlServer } from '../../../src/named/control-server.ts';
import { LogRing } from '../../../src/named/log-ring.ts';
import { Claim } from '../../../src/named/registry.ts';
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

test('one that is not there is told, with those that are', async () => {
  await expect(askStatus(state, 'two')).rejects.toMatchObject({
    code: 'SANDBOX_UNKNOWN',
    message: 'there is no sandbox called "two"; there is one',
  });
});
