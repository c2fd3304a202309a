/** Streams to pods that have left the endpoints: they go on where the pod does, and end where it has gone. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiClient } from '../../../../src/cluster/api/client.ts';
import { DEFAULT_LIMITS, type ForwardLimits } from '../../../../src/cluster/index.ts';
import { Dial } from '../../../../src/cluster/forward/dial/dial.ts';
import { type Forwarder, createForwarder } from '../../../../src/cluster/forward/forwarder.ts';
import type { EndpointPod } from '../../../../src/cluster/discovery/endpoints.ts';
import { LogLines, Probe } from '../probe.ts';
import { type FarStream, ScriptedApi } from '../scripted-api.ts';

const POD: EndpointPod = { namespace: 'test', name: 'a', uid: 'first', addresses: [], label: 'a' };

let api: ScriptedApi;
let client: ApiClient;
let forwarder: Forwarder;

async function start(limits: Partial<ForwardLimits>): Promise<void> {
  const access = await api.listen();
  client = new ApiClient(access);
  forwarder = createForwarder(client, {
    limits: {
      ...DEFAULT_LIMITS,
      establishGraceMinMs: 1,
      warmConnections: 0,
      presenceMinMs: 5,
      presenceMaxMs: 20,
      podGoneMs: 5,
      ...limits,
    },
    log: new LogLines(),
    report: (error) => {
      throw error;
    },
  });
}

async function connect(pod = POD): Promise<{ probe: Probe; far: FarStream }> {
  const route = { name: pod.name, service: pod.name, targets: async () => [{ pod, port: 80 }] };
  const probe = new Probe((events) => new Dial(route, forwarder, events));
  const far = await api.opened();
  far.connection.reply(far);
  await probe.established;
  return { probe, far };
}

beforeEach(() => {
  api = new ScriptedApi(['a']);
});

afterEach(async () => {
  forwarder.pool.close();
  await client.close();
  await api.stop();
});

describe.each([true, false])('pods may be read: %s', (podsMayBeRead) => {
  beforeEach(() => {
    api.podsMayBeRead = podsMayBeRead;
  });

  test('a pod that runs on keeps its streams; a new one goes by another connection', async () => {
    await start({});
    const { probe, far } = await connect();
    forwarder.pool.podLeft(POD);
    await vi.waitFor(() => expect(api.presenceAsked.length).toBeGreaterThan(4));
    far.connection.data(far.dataId, 'still here');
    await probe.until(() => probe.text === 'still here');
    expect((await connect()).far.connection).not.toBe(far.connection);
  });

  test('a pod that is deleted a little later takes its streams along', async () => {
    await start({});
    const { probe, far } = await connect();
    await probe.send('a question');
    forwarder.pool.podLeft(POD);
    await vi.waitFor(() => expect(api.presenceAsked.length).toBeGreaterThan(2));
    api.pods = [];
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset', message: 'the pod is gone' } });
    await far.connection.closed;
    const asked = api.presenceAsked.length;
    forwarder.pool.podLeft(POD);
    expect(api.presenceAsked.length).toBe(asked);
  });
});

test.each([true, false])(
  'one of the same name is known by its uid; pods may be read: %s',
  async (podsMayBeRead) => {
    api.podsMayBeRead = podsMayBeRead;
    await start({});
    const { probe } = await connect();
    await probe.send('a question');
    api.uid = 'second';
    await connect({ ...POD, uid: 'second' });
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset', message: 'the pod is gone' } });
  },
);

test('a connection that gives no sign of life is given up before the pod is known to be gone', async () => {
  await start({ suspectMs: 20, presenceMinMs: 60_000, presenceMaxMs: 60_000 });
  const { probe, far } = await connect();
  await probe.send('a question');
  far.connection.answersPings = false;
  forwarder.pool.podLeft(POD);
  expect(await probe.ending).toMatchObject({
    error: { reason: 'reset', message: expect.stringContaining('silent') },
  });
});

test('a connection that is being opened when the pod leaves is watched over as well', async () => {
  await start({});
  api.refuseUpgrade = () => {
    forwarder.pool.podLeft(POD);
    return undefined;
  };
  const { probe } = await connect();
  await vi.waitFor(() => expect(api.presenceAsked.length).toBeGreaterThan(1));
  api.pods = [];
  expect(await probe.ending).toMatchObject({ error: { reason: 'reset', message: 'the pod is gone' } });
});

test('unused connections to it are closed, and nothing is asked', async () => {
  await start({});
  const { probe, far } = await connect();
  probe.stream.destroy();
  forwarder.pool.podLeft(POD);
  await far.connection.closed;
  await vi.waitFor(async () => expect((await connect()).far.connection).not.toBe(far.connection));
});
