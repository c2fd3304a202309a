/** Connections whose pod ends before a word was said: a pod that has left leads to another, one that stays does not. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiClient } from '../../../../src/cluster/api/client.ts';
import type { EndpointPod } from '../../../../src/cluster/discovery/endpoints.ts';
import { Dial } from '../../../../src/cluster/forward/dial/dial.ts';
import { type Forwarder, createForwarder } from '../../../../src/cluster/forward/forwarder.ts';
import { DEFAULT_LIMITS } from '../../../../src/cluster/index.ts';
import { LogLines, Probe } from '../probe.ts';
import { type FarStream, ScriptedApi } from '../scripted-api.ts';

let api: ScriptedApi;
let client: ApiClient;
let forwarder: Forwarder;
/** The pods of the Service, as the program knows them. */
let pods: string[];

const pod = (name: string): EndpointPod => ({ namespace: 'test', name, addresses: [], label: name });

function dial(): Probe {
  const route = {
    name: 'app',
    service: 'app',
    targets: async () => pods.map((name) => ({ pod: pod(name), port: 80 })),
  };
  return new Probe((events) => new Dial(route, forwarder, events));
}

async function connected(): Promise<{ probe: Probe; far: FarStream }> {
  const probe = dial();
  const far = await api.opened();
  far.connection.reply(far);
  await probe.established;
  return { probe, far };
}

beforeEach(async () => {
  pods = ['old'];
  api = new ScriptedApi(pods);
  client = new ApiClient(await api.listen());
  forwarder = createForwarder(client, {
    limits: { ...DEFAULT_LIMITS, establishGraceMinMs: 1, warmConnections: 0 },
    log: new LogLines(),
    report: (error) => {
      throw error;
    },
  });
});

afterEach(async () => {
  forwarder.pool.close();
  await client.close();
  await api.stop();
});

const ENDS: [string, (far: FarStream) => void, object][] = [
  [
    'closes',
    ({ connection, dataId, errorId }) => {
      connection.fin(dataId);
      connection.fin(errorId);
    },
    { kind: 'end' },
  ],
  [
    'resets',
    ({ connection, dataId, errorId }) => {
      connection.fin(dataId);
      connection.data(errorId, 'read: connection reset by peer', true);
    },
    { kind: 'error', error: { reason: 'reset' } },
  ],
];

describe.each(ENDS)('a pod that %s', (_how, end, asItIs) => {
  test('having left the Service: the next pod takes the connection', async () => {
    const { probe, far } = await connected();
    pods = ['new'];
    end(far);
    const next = await api.opened();
    expect(next.pod).toBe('new');
    void probe.send('hello');
    next.connection.reply(next);
    expect(await next.connection.next(next.dataId)).toBe('data hello');
    next.connection.data(next.dataId, 'welcome');
    await probe.until(() => probe.text === 'welcome');
    expect(probe.events).toEqual(['established', 'data']);
  });

  test('and is in the Service still: that is its answer', async () => {
    const { probe, far } = await connected();
    pods = ['old', 'new'];
    end(far);
    expect(await probe.ending).toMatchObject(asItIs);
    expect(api.upgrades).toBe(1);
  });

  test('and nobody is in its place: that is all there is', async () => {
    const { probe, far } = await connected();
    pods = [];
    end(far);
    expect(await probe.ending).toMatchObject(asItIs);
  });

  test.each([
    ['was told something', (probe: Probe, _far: FarStream) => probe.send('POST /pay')],
    [
      'has said something',
      async (probe: Probe, { connection, dataId }: FarStream) => {
        connection.data(dataId, '220 ');
        await probe.until(() => probe.text === '220 ');
      },
    ],
  ])('having left, when it %s: nobody else is told', async (_what, exchange) => {
    const { probe, far } = await connected();
    await exchange(probe, far);
    pods = ['new'];
    end(far);
    expect(await probe.ending).toMatchObject(asItIs);
    expect(api.upgrades).toBe(1);
  });
});

test('a connection that breaks before the reply takes first bytes that were refused before to the next', async () => {
  pods = ['old', 'new'];
  const { probe, far } = await connected();
  await probe.send('hello');
  far.connection.refuse(far);
  const second = await api.opened();
  second.connection.drop();
  const third = await api.opened();
  third.connection.reply(third);
  expect(await third.connection.next(third.dataId)).toBe('data hello');
  expect(probe.events).toEqual(['established']);
});
