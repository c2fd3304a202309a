/** One connection to a pod, against far ends that follow a script. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Cluster, ForwardLimits } from '../../../src/cluster/index.ts';
import { dial } from './probe.ts';
import { ScriptedApi } from './scripted-api.ts';

let api: ScriptedApi;
let cluster: Cluster;

async function start(pods: string[], limits: Partial<ForwardLimits> = {}): Promise<void> {
  api.pods = pods;
  cluster = await api.start({ establishGraceMinMs: 10, ...limits });
}

async function connected(limits: Partial<ForwardLimits> = {}) {
  await start(['a'], limits);
  const probe = dial(cluster, 'app', 80);
  const far = await api.opened();
  far.connection.reply(far);
  await probe.established;
  expect(await far.connection.next(far.errorId)).toBe('fin'); // our half of the error stream
  return { probe, far };
}

beforeEach(() => {
  api = new ScriptedApi([]);
});

afterEach(async () => {
  await api.stop();
});

describe('establishing', () => {
  test('the first byte of the pod establishes at once, and the pod is known good from then on', async () => {
    await start(['a'], { establishGraceMinMs: 60_000, establishGraceMaxMs: 60_000 });
    const first = dial(cluster, 'app', 80);
    const far = await api.opened();
    expect(far).toMatchObject({ pod: 'a', port: 8080 });
    far.connection.reply(far);
    far.connection.data(far.dataId, 'banner');
    await first.established;
    await first.until(() => first.text === 'banner');
    expect(first.events).toEqual(['established', 'data']);

    const second = dial(cluster, 'app', 80);
    await second.established; // no frame of its own was needed
  });

  test('silence past the grace establishes, and the next connection at once', async () => {
    await start(['a']);
    const probe = dial(cluster, 'app', 80);
    const far = await api.opened();
    expect(probe.events).toEqual([]);
    far.connection.reply(far);
    await probe.established;
    await dial(cluster, 'app', 80).established; // no reply was needed
  });

  test('a refusal of one that was known good is remembered', async () => {
    await start(['a']);
    const first = dial(cluster, 'app', 80);
    const far = await api.opened();
    far.connection.reply(far);
    await first.established;
    far.connection.refuse(far);
    expect(await first.ending).toMatchObject({ error: { reason: 'reset' } });
    const second = dial(cluster, 'app', 80);
    const again = await api.opened();
    again.connection.reply(again);
    again.connection.refuse(again);
    expect(await second.ending).toMatchObject({ error: { reason: 'refused' } });
    expect(second.events).toEqual(['refused']);
  });

  test('a refusal leads to the next pod, unseen by the near side', async () => {
    await start(['a', 'b'], { establishGraceMinMs: 60_000, establishGraceMaxMs: 60_000 });
    const probe = dial(cluster, 'app', 80);
    const first = await api.opened();
    first.connection.reply(first);
    first.connection.refuse(first);
    const second = await api.opened();
    expect(second.pod).not.toBe(first.pod);
    second.connection.reply(second);
    second.connection.data(second.dataId, 'hello');
    await probe.until(() => probe.text === 'hello');
    expect(probe.events).toEqual(['established', 'data']);
  });

  test('refused by every pod: refused, and the text is told without the wrapping', async () => {
    await start(['a']);
    const probe = dial(cluster, 'app', 80);
    const far = await api.opened();
    expect(cluster.obstacle(cluster.services[0], 80)).toBeUndefined();
    expect(probe.stream.peer).toMatch(/\/a:8080$/);
    far.connection.reply(far);
    far.connection.refuse(far);
    expect(await probe.ending).toMatchObject({
      error: {
        reason: 'refused',
        message: expect.stringMatching(/^failed to connect to localhost:8080/),
      },
    });
    expect(probe.events).toEqual(['refused']);
  });

  test('no ready pod, and a port the Service lacks: refused at once', async () => {
    await start([]);
    expect(cluster.hasPort(cluster.services[0], 81)).toBe(false);
    const [lacking, unready] = [dial(cluster, 'app', 81), dial(cluster, 'app', 80)];
    expect(await lacking.ending).toMatchObject({ error: { reason: 'refused' } });
    expect(await unready.ending).toMatchObject({ error: { reason: 'refused' } });
    const [app] = cluster.services;
    expect(cluster.obstacle(app, 81)).toBe('the Service has no such port: it has 80');
    expect(cluster.obstacle(app, 80)).toBe('it has no ready pod');
    expect([lacking, unready].map(({ stream }) => stream.peer)).toEqual([undefined, undefined]);
    expect(api.upgrades).toBe(0);
  });

  test('endpoints that are no pods are unreachable, and said to be what they are', async () => {
    api.strangers = ['192.0.2.1', '2001:db8::1'];
    await start([]);
    const message =
      'its endpoints are no pods of the cluster, and a port-forward reaches only pods: ' +
      'connect to 192.0.2.1:8080 or [2001:db8::1]:8080 itself, where this host has a way there';
    expect(cluster.obstacle(cluster.services[0], 80)).toBe(message);
    expect(await dial(cluster, 'app', 80).ending).toMatchObject({
      error: { reason: 'unreachable', message },
    });
    await expect(cluster.waitReady({ name: 'app' }, 1)).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      message: expect.stringContaining('its endpoints are no pods'),
      remedy: expect.stringContaining('connect to 192.0.2.1 or 2001:db8::1 itself'),
    });
  });

  test('a pod that is gone leads to a new list of endpoints', async () => {
    api.refuseUpgrade = (_method, pod) =>
      pod === 'old' ? { status: 404, message: 'pods "old" not found' } : undefined;
    await start(['old'], { endpointsRefreshMs: 0 });
    api.pods = ['new'];
    dial(cluster, 'app', 80);
    expect(await api.opened()).toMatchObject({ pod: 'new' });
    expect(api.endpointLists).toBe(2);
  });

  test('endpoints are listed again at a bounded rate, once for all that wait', async () => {
    await start([], { endpointsRefreshMs: 0 });
    const waiting = [dial(cluster, 'app', 80), dial(cluster, 'app', 80), dial(cluster, 'app', 80)];
    api.pods = ['late'];
    for (const _ of waiting) expect(await api.opened()).toMatchObject({ pod: 'late' });
    expect(api.endpointLists).toBe(2);
  });

  test('a server that never replies is left for a new connection', async () => {
    await start(['a'], { replyMs: 30 });
    const probe = dial(cluster, 'app', 80);
    const mute = await api.opened();
    const far = await api.opened();
    expect(far.connection).not.toBe(mute.connection);
    far.connection.reply(far);
    far.connection.data(far.dataId, 'x');
    await probe.until(() => probe.text === 'x');
  });

  test('no pod within the limit: timeout', async () => {
    await start(['a'], { dialMs: 500 });
    const probe = dial(cluster, 'app', 80);
    await api.opened();
    expect(await probe.ending).toMatchObject({ error: { reason: 'timeout' } });
  });
});

describe('the near side’s first bytes', () => {
  test('are told to the next pod when the dial turns out to have failed', async () => {
    await start(['a', 'b']);
    const probe = dial(cluster, 'app', 80);
    const first = await api.opened();
    first.connection.reply(first);
    await probe.established;
    await probe.send('hello ');
    void probe.send('pod');
    expect(await first.connection.next(first.dataId)).toBe('data hello ');
    expect(await first.connection.next(first.dataId)).toBe('data pod');
    first.connection.refuse(first);

    const second = await api.opened();
    second.connection.reply(second);
    expect(await second.connection.next(second.dataId)).toBe('data hello ');
    expect(await second.connection.next(second.dataId)).toBe('data pod');
    second.connection.data(second.dataId, 'welcome');
    await probe.until(() => probe.text === 'welcome');
    expect(probe.events).toEqual(['established', 'data']);
  });

  test.each([
    ['the pod reset the connection', 'read tcp4 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer'],
    ['the text is not known', 'something went wrong'],
  ])('are told to nobody else when %s', async (_case, text) => {
    await start(['a', 'b']);
    const probe = dial(cluster, 'app', 80);
    const far = await api.opened();
    far.connection.reply(far);
    await probe.established;
    await probe.send('POST /pay');
    far.connection.data(far.errorId, text, true);
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    expect(api.upgrades).toBe(1);
  });

  test('past the limit are not kept', async () => {
    await start(['a', 'b'], { replayBytes: 8 });
    const probe = dial(cluster, 'app', 80);
    const far = await api.opened();
    far.connection.reply(far);
    await probe.established;
    await probe.send('more than eight');
    far.connection.refuse(far);
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
  });

  test('wait for the reply, and are taken one by one', async () => {
    await start(['a']);
    const probe = dial(cluster, 'app', 80);
    const taken: string[] = [];
    void probe.send('one').then(() => taken.push('one'));
    void probe.send('two').then(() => taken.push('two'));
    const far = await api.opened();
    expect(taken).toEqual([]);
    far.connection.reply(far);
    expect(await far.connection.next(far.dataId)).toBe('data one');
    expect(await far.connection.next(far.dataId)).toBe('data two');
    expect(taken).toEqual(['one', 'two']);
  });
});

describe('ending', () => {
  test('the pod’s FIN is told once the error stream has closed too', async () => {
    const { probe, far } = await connected();
    far.connection.data(far.dataId, 'bye', true);
    await probe.until(() => probe.text === 'bye');
    expect(probe.events).not.toContain('end');
    far.connection.fin(far.errorId);
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(await far.connection.next(far.dataId)).toBe('fin');
  });

  test('a FIN with an error text behind it is a reset', async () => {
    const { probe, far } = await connected();
    far.connection.fin(far.dataId);
    far.connection.data(far.errorId, 'read: connection reset by peer', true);
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    expect(probe.events).not.toContain('end');
  });

  test('a FIN whose error stream never closes is told after the limit', async () => {
    const { probe, far } = await connected({ streamPairCloseMs: 30 });
    far.connection.fin(far.dataId);
    expect(await probe.ending).toEqual({ kind: 'end' });
  });

  test('the near side’s FIN is held back until the pod has been silent', async () => {
    const { probe, far } = await connected({ halfCloseSilenceMs: 80 });
    await probe.send('request');
    probe.stream.end();
    expect(await far.connection.next(far.dataId)).toBe('data request');
    far.connection.data(far.dataId, 'slow answer');
    await probe.until(() => probe.text === 'slow answer');
    expect(far.connection.pending(far.dataId)).toBe(0);
    expect(await far.connection.next(far.dataId)).toBe('fin');
    far.connection.data(far.dataId, ' with a tail', true);
    far.connection.fin(far.errorId);
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('slow answer with a tail');
  });

  test('a far end that does not close after the FIN has not said that this was all', async () => {
    const { probe, far } = await connected({ halfCloseSilenceMs: 20, farEndCloseMs: 20 });
    probe.stream.end();
    expect(await far.connection.next(far.dataId)).toBe('fin');
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    expect(await far.connection.next(far.dataId)).toBe('reset');
  });

  test('while the near side does not read, neither the FIN nor the wait for the far end counts', async () => {
    const { probe, far } = await connected({ halfCloseSilenceMs: 20, farEndCloseMs: 20 });
    probe.stream.end();
    probe.stream.pause();
    far.connection.data(far.dataId, 'an answer');
    await delay(100); // several times both
    expect(far.connection.pending(far.dataId)).toBe(0);
    probe.stream.resume();
    expect(await far.connection.next(far.dataId)).toBe('fin');
    probe.stream.pause();
    far.connection.data(far.dataId, ' and the rest', true);
    far.connection.fin(far.errorId);
    await delay(100);
    expect(probe.events).not.toContain('reset');
    probe.stream.resume();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('an answer and the rest');
  });

  test('while the API server is silent, the pod’s silence does not count', async () => {
    const { probe, far } = await connected({ halfCloseSilenceMs: 100, pingMs: 20, pingsMissed: 20 });
    await probe.send('request');
    far.connection.answersPings = false;
    probe.stream.end();
    expect(await probe.ending).toMatchObject({
      error: { reason: 'reset', message: expect.stringContaining('silent') },
    });
    expect(await far.connection.next(far.dataId)).toBe('data request');
    expect(far.connection.pending(far.dataId)).toBe(0); // and no FIN
  });

  test('what is written after the pod’s end is answered by a reset', async () => {
    const { probe, far } = await connected();
    far.connection.fin(far.dataId);
    far.connection.fin(far.errorId);
    await probe.ending;
    await probe.send('too late');
    expect(probe.events.slice(-2)).toEqual(['end', 'reset']);
  });

  test('destroy resets the stream, and nothing is told afterwards', async () => {
    const { probe, far } = await connected();
    probe.stream.destroy();
    probe.stream.destroy();
    expect(await far.connection.next(far.dataId)).toBe('reset');
    expect(await far.connection.next(far.errorId)).toBe('reset');
    far.connection.data(far.dataId, 'x', true);
    const next = dial(cluster, 'app', 80);
    const again = await api.opened();
    again.connection.reply(again);
    await next.established; // the frame above has been read by now
    expect(probe.events).toEqual(['established']);
  });
});
