/** Upgraded connections to pods: shared, isolated from each other's trouble, and let go of. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Cluster,
  ClusterError,
  type ForwardLimits,
  type TransportName,
} from '../../../src/cluster/index.ts';
import { type Probe, dial } from './probe.ts';
import { type FarStream, ScriptedApi } from './scripted-api.ts';

const MIB = 1024 * 1024;
/** All streams to a pod share a connection. */
const ONE: Partial<ForwardLimits> = { connectionsPerPod: 1 };

let api: ScriptedApi;
let cluster: Cluster;

async function start(
  pods: string[],
  limits: Partial<ForwardLimits> = {},
  transports?: readonly TransportName[],
): Promise<void> {
  api.pods = pods;
  cluster = await api.start({ establishGraceMinMs: 10, ...limits }, transports);
}

async function connect(): Promise<{ probe: Probe; far: FarStream }> {
  const probe = dial(cluster, 'app', 80);
  const far = await api.opened();
  far.connection.reply(far);
  await probe.established;
  return { probe, far };
}

beforeEach(() => {
  api = new ScriptedApi([]);
});

afterEach(async () => {
  await api.stop();
});

describe('sharing', () => {
  test('many at once get a connection each up to the limit, and share past it, evenly', async () => {
    await start(['a'], { connectionsPerPod: 5 });
    for (let i = 0; i < 50; i++) dial(cluster, 'app', 80);
    const streams = new Map<unknown, number>();
    for (let i = 0; i < 50; i++) {
      const { connection } = await api.opened();
      streams.set(connection, (streams.get(connection) ?? 0) + 1);
    }
    expect(Math.min(...streams.values())).toBeGreaterThan(5);
    expect(api.upgrades).toBe(5);
  });

  test('one that is over leaves its connection to the next', async () => {
    await start(['a']);
    for (let i = 0; i < 20; i++) (await connect()).probe.stream.destroy();
    expect(api.upgrades).toBe(1);
  });

  test('one that only waits for the rest of an answer does as well, until it is a long answer', async () => {
    await start(['a']);
    const first = await connect();
    first.probe.stream.end();
    const second = await connect();
    expect(second.far.connection).toBe(first.far.connection);
    second.probe.stream.destroy();
    first.far.connection.data(first.far.dataId, Buffer.alloc(100_000));
    await first.probe.until(() => first.probe.bytes === 100_000);
    expect((await connect()).far.connection).not.toBe(first.far.connection);
  });

  test('a full upgraded connection takes more only where there can be no other', async () => {
    await start(['a'], { streamsPerConnection: 2, connectionsPerPod: 2 });
    for (let i = 0; i < 5; i++) await connect();
    expect(api.upgrades).toBe(2);
  });

  test('the limit over all pods leaves each pod its first connection', async () => {
    await start(['a', 'b', 'c'], { connections: 1 });
    for (let i = 0; i < 6; i++) await connect();
    expect(api.upgrades).toBe(3);
  });

  test('the next connection finds one that was opened ahead, within the limit', async () => {
    await start(['a', 'b', 'c', 'd'], { warmDelayMs: 0, warmConnections: 1 });
    await connect();
    await vi.waitFor(() => expect(api.upgrades).toBe(2));
    const before = api.upgrades;
    expect((await connect()).far.pod).toBe('b');
    await vi.waitFor(() => expect(api.upgrades).toBe(before + 1));
  });

  test('ready pods take turns', async () => {
    await start(['a', 'b']);
    const pods = [];
    for (let i = 0; i < 4; i++) pods.push((await connect()).far.pod);
    expect(pods).toEqual(['a', 'b', 'a', 'b']);
  });

  test('an upgraded connection without streams is closed after a while', async () => {
    await start(['a'], { idleConnectionMs: 30 });
    const { probe, far } = await connect();
    probe.stream.destroy();
    await far.connection.closed;
    expect((await connect()).far.connection).not.toBe(far.connection);
  });

  test('after its last allowed stream an upgraded connection is replaced, and closed', async () => {
    await start(['a'], { streamsPerLife: 2, connectionsPerPod: 1 });
    const [one, two, three] = [await connect(), await connect(), await connect()];
    expect(two.far.connection).toBe(one.far.connection);
    expect(three.far.connection).not.toBe(one.far.connection);
    one.probe.stream.destroy();
    two.probe.stream.destroy();
    await one.far.connection.closed;
  });
});

describe('the trouble of one', () => {
  test('an error text ends one stream only', async () => {
    await start(['a'], ONE);
    const [one, two] = [await connect(), await connect()];
    one.far.connection.data(one.far.errorId, 'read: connection reset by peer', true);
    expect(await one.probe.ending).toMatchObject({ error: { reason: 'reset' } });
    two.far.connection.data(two.far.dataId, 'still here');
    await two.probe.until(() => two.probe.text === 'still here');
    expect(api.upgrades).toBe(1);
  });

  test('a stalled reader holds up its upgraded connection; new streams go elsewhere', async () => {
    await start(['a'], { unreadBytes: 100_000, replyMs: 100 });
    const stalled = await connect();
    stalled.probe.stream.pause();
    const block = Buffer.alloc(50_000, 'x');
    for (let i = 0; i < 3; i++) stalled.far.connection.data(stalled.far.dataId, block);
    // One that opens before the bound is passed gets no reply there, and moves on as well.
    const other = dial(cluster, 'app', 80);
    let far = await api.opened();
    if (far.connection === stalled.far.connection) far = await api.opened();
    expect(far.connection).not.toBe(stalled.far.connection);
    far.connection.reply(far);
    far.connection.data(far.dataId, 'at full speed');
    await other.until(() => other.text === 'at full speed');
    expect(stalled.probe.bytes).toBe(0);

    stalled.far.connection.data(stalled.far.dataId, 'the end', true);
    stalled.far.connection.fin(stalled.far.errorId);
    stalled.probe.stream.resume();
    expect(await stalled.probe.ending).toEqual({ kind: 'end' });
    expect(stalled.probe.bytes).toBe(150_007);
    expect(stalled.probe.text.endsWith('xthe end')).toBe(true);
  });

  test('one that holds up others for too long is ended for their sake; alone, it may wait for ever', async () => {
    await start(['a'], { ...ONE, unreadBytes: 1000, stalledMs: 30 });
    const stalled = await connect();
    stalled.probe.stream.pause();
    stalled.far.connection.data(stalled.far.dataId, Buffer.alloc(2000));
    await delay(100); // several times what others would be waited for
    expect(stalled.probe.events).toEqual(['established']);
    stalled.probe.stream.resume();
    await stalled.probe.until(() => stalled.probe.bytes === 2000);

    const other = await connect();
    stalled.probe.stream.pause();
    stalled.far.connection.data(stalled.far.dataId, Buffer.alloc(2000));
    other.far.connection.data(other.far.dataId, 'behind it');
    expect(await stalled.probe.ending).toMatchObject({
      error: { reason: 'reset', message: expect.stringContaining('held up') },
    });
    await other.probe.until(() => other.probe.text === 'behind it');
  });

  test('a connection that does not answer gives what it has not taken up to another', async () => {
    await start(['a'], { answerMs: 20, pingMs: 60_000 });
    const first = await connect();
    first.probe.stream.destroy();
    first.far.connection.stopReading();
    const probe = dial(cluster, 'app', 80);
    const far = await api.opened();
    expect(far.connection).not.toBe(first.far.connection);
    far.connection.reply(far);
    far.connection.data(far.dataId, 'hello');
    await probe.until(() => probe.text === 'hello');
  });

  test('a pod that does not read what it is sent stops the answers to pings, and is not taken for dead', async () => {
    await start(['a'], { pingMs: 20, pingsMissed: 2 });
    const { probe, far } = await connect();
    await probe.send('a greeting');
    await far.connection.next(far.dataId);
    far.connection.stopReading();
    const sent = Array.from({ length: 8 }, () => probe.send(Buffer.alloc(MIB)));
    await delay(300); // many times the pings that a dead connection would be given
    expect(probe.events).toEqual(['established']);
    far.connection.readOn();
    await Promise.all(sent);
  });

  test('a broken upgraded connection resets those that have written, and the others try again', async () => {
    await start(['a'], ONE);
    const { probe, far } = await connect();
    await probe.send('request');
    const waiting = dial(cluster, 'app', 80);
    await api.opened();
    far.connection.drop();
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    const again = await api.opened();
    again.connection.reply(again);
    again.connection.data(again.dataId, 'x');
    await waiting.until(() => waiting.text === 'x');
  });

  test.each([
    ['breaks', async (far: FarStream) => far.connection.drop()],
    ['is closed by us', () => cluster.close()],
  ])('every chunk is let go of once when the connection %s', async (_case, end) => {
    await start(['a']);
    const { probe, far } = await connect();
    far.connection.stopReading();
    const chunk = Buffer.alloc(MIB);
    let taken = 0;
    const all = Array.from({ length: 32 }, () => probe.send(chunk).then(() => taken++));
    await all[0];
    expect(taken).toBeLessThan(32); // more than the kernel's buffers hold
    await end(far);
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    await Promise.all(all);
    expect(taken).toBe(32);
  });

  test('GOAWAY ends what the server has not taken, and lets the rest go on', async () => {
    await start(['a'], ONE);
    const { probe, far } = await connect();
    const late = dial(cluster, 'app', 80);
    await api.opened();
    far.connection.goAway(far.dataId);
    const again = await api.opened();
    expect(again.connection).not.toBe(far.connection);
    again.connection.reply(again);
    await late.established;
    far.connection.data(far.dataId, 'bye', true);
    far.connection.fin(far.errorId);
    expect(await probe.ending).toEqual({ kind: 'end' });
    await far.connection.closed;
  });

  test('a silent server is found dead by its pings', async () => {
    await start(['a'], { pingMs: 20, pingsMissed: 2 });
    const { probe, far } = await connect();
    await probe.send('request');
    far.connection.answersPings = false;
    expect(await probe.ending).toMatchObject({
      error: { reason: 'reset', message: expect.stringContaining('silent') },
    });
    await far.connection.closed;
  });

  test('bytes that are no SPDY end the upgraded connection, and nothing else', async () => {
    await start(['a']);
    const { probe, far } = await connect();
    await probe.send('request');
    far.connection.data(0, 'a data frame of no stream');
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    await connect();
  });
});

describe('a pod that has been deleted', () => {
  test('and has come back under its name gets an upgraded connection of its own', async () => {
    await start(['db-0'], { ...ONE, endpointsStaleMs: 0, endpointsRefreshMs: 0 });
    const { far: old } = await connect();
    api.uid = 'second';
    const probe = dial(cluster, 'app', 80);
    // What is known is out of date, so the old connection is tried first.
    const stale = await api.opened();
    expect(stale.connection).toBe(old.connection);
    stale.connection.reply(stale);
    stale.connection.sandboxGone(stale);
    const fresh = await api.opened();
    expect(fresh.connection).not.toBe(old.connection);
    fresh.connection.reply(fresh);
    fresh.connection.data(fresh.dataId, 'hello');
    await probe.until(() => probe.text === 'hello');
    expect(probe.events).toEqual(['established', 'data']);
  });

  test('or whose sandbox was made anew: the old connection is not used again', async () => {
    await start(['a'], { ...ONE, podGoneMs: 50 });
    const first = await connect();
    await first.probe.send('a question');
    const probe = dial(cluster, 'app', 80);
    const stale = await api.opened();
    stale.connection.reply(stale);
    stale.connection.sandboxGone(stale);
    const fresh = await api.opened();
    expect(fresh.pod).toBe('a');
    expect(fresh.connection).not.toBe(first.far.connection);
    fresh.connection.reply(fresh);
    await probe.established;
    first.far.connection.data(first.far.dataId, 'last words'); // of what it still carries, something may come
    expect(await first.probe.ending).toMatchObject({
      error: { reason: 'reset', message: 'the pod is gone' },
    });
    expect(first.probe.text).toBe('last words');
    expect(probe.events).toEqual(['established']);
  });
});

/** The scripted server speaks SPDY alone. */
const WEBSOCKET_FIRST: readonly TransportName[] = ['spdy-websocket', 'spdy', 'websocket'];

describe('the choice of transport', () => {
  test('falls from WebSocket to SPDY once, and remembers', async () => {
    const methods: string[] = [];
    api.refuseUpgrade = (method) => {
      methods.push(method);
      return undefined;
    };
    await start(['a', 'b'], {}, WEBSOCKET_FIRST);
    await connect();
    await connect();
    expect(methods).toEqual(['GET', 'POST', 'POST']);
    expect(api.log.lines.filter((line) => line.includes('spdy-websocket'))).toHaveLength(1);
  });

  test('is found out by one for all who come at once, and each fall is told once with its reason', async () => {
    const methods: string[] = [];
    api.refuseUpgrade = (method) => {
      methods.push(method);
      return method === 'GET' ? { status: 502, message: 'no WebSockets here' } : undefined;
    };
    await start(['a', 'b', 'c', 'd'], {}, WEBSOCKET_FIRST);
    await Promise.all([connect(), connect(), connect(), connect()]);
    expect(methods).toEqual(['GET', 'POST', 'POST', 'POST', 'POST']);
    expect(api.log.lines.filter((line) => line.startsWith('info: port-forward'))).toEqual([
      'info: port-forward to a not by spdy-websocket: 502 no WebSockets here',
    ]);
  });

  test('a forced one is the only one', async () => {
    const methods: string[] = [];
    api.refuseUpgrade = (method) => {
      methods.push(method);
      return { status: 502, message: 'not this one' };
    };
    await start(['a'], {}, ['spdy']);
    expect(await dial(cluster, 'app', 80).ending).toMatchObject({ error: { reason: 'refused' } });
    expect(methods).toEqual(['POST']);
  });

  test('a proxy that cuts off one upgrade leads to the next transport', async () => {
    api.refuseUpgrade = (method) => (method === 'GET' ? { status: 0, message: '' } : undefined);
    await start(['a'], {}, WEBSOCKET_FIRST);
    expect((await connect()).far.pod).toBe('a');
  });

  test('all of them cut off: unreachable', async () => {
    api.refuseUpgrade = () => ({ status: 0, message: '' });
    await start(['a']);
    const { ending } = dial(cluster, 'app', 80);
    expect(await ending).toMatchObject({
      error: { reason: 'unreachable', cause: { code: 'API_UNREACHABLE' } },
    });
  });

  test('a right that is missing for one verb is not asked for again by another transport', async () => {
    const methods: string[] = [];
    api.refuseUpgrade = (method) => {
      methods.push(method);
      return { status: 403, reason: 'Forbidden', message: `cannot ${method}` };
    };
    await start(['a']);
    const probe = dial(cluster, 'app', 80);
    const ending = await probe.ending;
    expect(methods).toEqual(['POST', 'GET']);
    expect(ending).toMatchObject({ error: { reason: 'unreachable', cause: expect.any(ClusterError) } });
    expect(ending).toMatchObject({
      error: { cause: { code: 'FORBIDDEN', remedy: expect.stringContaining('pods/portforward') } },
    });
    expect(api.log.lines.filter((line) => line.startsWith('warn:'))).toHaveLength(1);
  });

  test('a bare 403 is no missing right: servers before 1.30 answer so to a protocol they do not know', async () => {
    const methods: string[] = [];
    api.refuseUpgrade = (method) => {
      methods.push(method);
      return method === 'GET'
        ? { status: 403, message: '' }
        : { status: 403, reason: 'Forbidden', message: 'cannot create' };
    };
    await start(['a']);
    const ending = await dial(cluster, 'app', 80).ending;
    expect(methods).toEqual(['POST', 'GET', 'GET']);
    expect(ending).toMatchObject({
      error: { cause: { code: 'FORBIDDEN', remedy: expect.stringContaining('"create"') } },
    });
  });

  test('an expired token is said once, however many connections meet it', async () => {
    api.refuseUpgrade = () => ({ status: 401, message: 'Unauthorized' });
    await start(['a']);
    const probes = Array.from({ length: 5 }, () => dial(cluster, 'app', 80));
    for (const probe of probes) {
      expect(await probe.ending).toMatchObject({
        error: { reason: 'unreachable', cause: { code: 'UNAUTHORIZED' } },
      });
    }
    expect(api.log.lines.filter((line) => line.startsWith('warn:'))).toHaveLength(1);
  });

  test('a node that does not answer leads to a pod on another', async () => {
    api.refuseUpgrade = (_method, pod) =>
      pod === 'a' ? { status: 502, message: 'error dialing backend' } : undefined;
    await start(['a', 'b']);
    expect((await connect()).far.pod).toBe('b');
  });
});

test('close ends streams, waiting dials and sockets', async () => {
  await start(['a', 'b']);
  const { probe, far } = await connect();
  const waiting = dial(cluster, 'app', 80);
  await api.opened();
  await cluster.close();
  expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
  expect(await waiting.ending).toMatchObject({ error: { reason: 'unreachable' } });
  await far.connection.closed;
  const late = dial(cluster, 'app', 80);
  expect(await late.ending).toMatchObject({ error: { reason: 'unreachable' } });
});
