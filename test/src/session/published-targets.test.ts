/** What `-p` of a Service leads to as its cluster changes, and what can't be meant. */

import { afterEach, describe, expect, test } from 'vitest';
import { Denials, NamedAddresses, Policy, type Rule } from '../../../src/policy/index.ts';
import { parseRuleOption } from '../../../src/policy/rule.ts';
import type { RemoteStreamEvents } from '../../../src/relay/stream.ts';
import type { PublishedTarget, Target } from '../../../src/session/choices.ts';
import type { ConnectedContexts, ContextAccess, ContextOptions } from '../../../src/session/contexts.ts';
import { mustBeSelected } from '../../../src/session/find-published.ts';
import { Gate } from '../../../src/session/outside/gate.ts';
import { PublishedTargets } from '../../../src/session/published-targets.ts';
import { LogLines } from '../cluster/probe.ts';
import { FakeCluster, headless, service } from './routing/fake-cluster.ts';

const EVENTS: RemoteStreamEvents = { onEstablished() {}, onData() {}, onEnd() {}, onError() {} };
const WEB: Target = { kind: 'Service', name: 'web' };
const DB: Target = { kind: 'Service', name: 'db' };

let log = new LogLines();
afterEach(() => {
  log = new LogLines();
});

const published = (target: Target, port?: number | string): PublishedTarget => ({
  kind: 'target',
  hostPort: 8080,
  target,
  ...(port !== undefined && { port }),
});

interface Surroundings {
  readonly rules?: readonly Rule[];
  readonly names?: readonly string[];
  readonly read?: () => Promise<void>;
  readonly picks?: readonly Target[];
  readonly selector?: string;
}

function targets(
  cluster: FakeCluster,
  all: readonly PublishedTarget[],
  { rules = [], names = ['dev'], read = async () => {}, picks = [], ...selector }: Surroundings = {},
): PublishedTargets {
  const contexts = names.map((name, i) => ({
    name,
    isFirst: i === 0,
    namespaces: ['a', 'b'],
    access: { contextName: name },
    cluster,
  }));
  const connected = {
    all: contexts,
    find: (wanted: string | undefined) => contexts.find(({ name }) => name === (wanted ?? names[0])),
    read,
  } as unknown as ConnectedContexts;
  const policy = new Policy({ rules }, () => []);
  const gate = new Gate({ policy, names: new NamedAddresses(), denials: new Denials(log) });
  return new PublishedTargets(all, { contexts: connected, gate, selection: { picks, ...selector }, log });
}

/** Dials the first of them. */
async function dial(of: PublishedTargets): Promise<void> {
  (await of.rules[0]?.open(new AbortController().signal))?.(EVENTS);
}

const deny = (text: string) => parseRuleOption('deny', text, '--deny');

const called = (target: Target, port?: number | string, names?: readonly string[]) =>
  targets(new FakeCluster(), [published(target, port)], names && { names }).rules[0]?.target;

describe('a connection', () => {
  test('goes to the Service, to its only port, and to a pod of a headless one', async () => {
    const cluster = new FakeCluster([service('web'), headless('db')]);
    cluster.setPods(headless('db'), 'db-0');
    for (const one of [published(WEB), published(WEB, 'http'), published({ kind: 'Pod', name: 'db-0' }, 80)])
      await dial(targets(cluster, [one]));
    expect(cluster.dialled).toEqual(['a/web:80', 'a/web:80', 'a/db/db-0:80']);
  });

  test('goes to what is there at the time', async () => {
    const cluster = new FakeCluster();
    const all = targets(cluster, [published(WEB)]);
    await expect(dial(all)).rejects.toMatchObject({ reason: 'refused', message: 'it is not there' });
    cluster.put(service('web'));
    await dial(all);
    cluster.put(service('web', { ports: [{ port: 81, protocol: 'TCP', targetPort: 81 }] }));
    await dial(all);
    cluster.remove(service('web'));
    await expect(dial(all)).rejects.toThrow('it is not there');
    expect(cluster.dialled).toEqual(['a/web:80', 'a/web:81']);
  });

  test('is refused where it turns out that no port can be meant, and where a rule denies it', async () => {
    const cluster = new FakeCluster([service('web')]);
    await expect(dial(targets(cluster, [published(WEB, 81)]))).rejects.toThrow('no TCP port 81');
    const denied = targets(cluster, [published(WEB)], { rules: [deny('svc/web')] });
    await expect(dial(denied)).rejects.toThrow('a rule denies it');
    expect(log.lines).toEqual(['warn: tcp a/svc/web:80: denied by svc/web']);
    expect(cluster.dialled).toEqual([]);
  });
});

test('what is still to be read does not hold up who has gone', async () => {
  const never = targets(new FakeCluster(), [published(WEB)], { read: () => new Promise(() => {}) });
  const gone = new AbortController();
  const opening = never.rules[0]?.open(gone.signal);
  gone.abort(new Error('gone'));
  await expect(opening).rejects.toThrow('gone');
});

test('they are called as the user writes them, with what tells them apart', () => {
  expect(called(WEB)).toBe('a/svc/web');
  expect(called({ ...WEB, namespace: 'b' }, 'http')).toBe('b/svc/web:http');
  expect(called(WEB, 80, ['dev', 'prod'])).toBe('dev/a/svc/web:80');
  expect(called({ ...WEB, context: 'prod' }, 80, ['dev', 'prod'])).toBe('prod/a/svc/web:80');
});

describe('before the command', () => {
  test('what is not there yet is told', () => {
    targets(new FakeCluster(), [published(WEB, 80)]).check();
    expect(log.lines).toEqual([
      'warn: a/svc/web is not there yet: connections to it from the host are reset until it comes',
    ]);
  });

  test.each([
    ['svc/web', 80],
    ['tcp:ns/a:80', undefined],
    ['dev/a/svc/web', 80],
  ])('PUBLISH_DENIED: by %s', (rule, port) => {
    const all = targets(new FakeCluster([service('web')]), [published(WEB, port)], { rules: [deny(rule)] });
    expect(() => all.check()).toThrow(expect.objectContaining({ code: 'PUBLISH_DENIED' }));
    expect(log.lines).toEqual([]);
  });

  test('PUBLISH_DENIED: what is not there yet, by the number of its port', () => {
    const rules = [deny('svc/web')];
    const all = targets(new FakeCluster(), [published(WEB, 80)], { rules });
    expect(() => all.check()).toThrow(expect.objectContaining({ code: 'PUBLISH_DENIED' }));
  });

  test('a pod that is not picked needs a headless Service, and a selector must match: both are told', () => {
    const pod: Target = { kind: 'Pod', name: 'web-0' };
    targets(new FakeCluster(), [published(pod)]).check();
    targets(new FakeCluster([headless('db')]), [published(pod)], { picks: [DB] }).check();
    targets(new FakeCluster(), [published(WEB)], { selector: 'app=none' }).check();
    const end = ': connections to it from the host are reset until it comes';
    const ofPod = `warn: a/pod/web-0 is of no headless Service here yet (any other pod: --pick a/pod/web-0)${end}`;
    const ofService = `warn: a/svc/web is not there yet, or not matched by -l app=none${end}`;
    expect(log.lines).toEqual([ofPod, ofPod, ofService]);
  });

  test('PUBLISH_TARGET_UNSELECTED: a pod, where no headless Service is picked', () => {
    const pod = published({ kind: 'Pod', name: 'web-0' });
    const all = targets(new FakeCluster([service('web')]), [pod], { picks: [WEB] });
    expect(() => all.check()).toThrow(
      expect.objectContaining({ code: 'PUBLISH_TARGET_UNSELECTED', remedy: 'add --pick a/pod/web-0' }),
    );
  });

  test.each(['svc/web:81', 'b/svc/web', 'svc/db', '*'])('it is not denied by %s', (rule) => {
    targets(new FakeCluster([service('web')]), [published(WEB)], { rules: [deny(rule)] }).check();
  });

  test('PUBLISH_PORT_UNKNOWN', () => {
    const all = targets(new FakeCluster([service('web')]), [published(WEB, 81)]);
    expect(() => all.check()).toThrow(expect.objectContaining({ code: 'PUBLISH_PORT_UNKNOWN' }));
  });
});

const context = (name: string, isFirst: boolean) =>
  ({ name, isFirst, namespaces: ['a', 'b'], access: { contextName: name } }) as unknown as ContextAccess;

const check = (target: Target, more: Partial<ContextOptions> = {}) =>
  mustBeSelected([context('dev', true), context('prod', false)], {
    publishedTargets: [published(target)],
    allNamespaces: false,
    picks: [],
    ...more,
  } as unknown as ContextOptions);

describe('what is selected', () => {
  const PICKED = { picks: [WEB] };

  test.each([
    [WEB, {}],
    [{ ...WEB, namespace: 'b' }, {}],
    [{ ...WEB, namespace: 'c' }, { allNamespaces: true }],
    [WEB, PICKED],
    [{ kind: 'Pod', name: 'web-0' }, PICKED],
    [{ ...WEB, name: 'db', context: 'prod' }, PICKED],
  ] as const)('%j with %j', (target, more) => {
    check(target, more);
  });

  test.each([
    [{ ...WEB, namespace: 'c' }, {}, 'choose its namespace as well: -n a -n b -n c'],
    [{ ...WEB, name: 'db' }, PICKED, 'add --pick svc/db'],
    [{ ...WEB, namespace: 'b' }, PICKED, 'add --pick b/svc/web'],
    [{ kind: 'Deployment', name: 'web' }, {}, 'add --pick deploy/web'],
    [{ kind: 'Deployment', name: 'web' }, { allNamespaces: true }, 'add --pick deploy/web'],
  ] as const)('PUBLISH_TARGET_UNSELECTED: %j with %j', (target, more, remedy) => {
    expect(() => check(target, more)).toThrow(
      expect.objectContaining({ code: 'PUBLISH_TARGET_UNSELECTED', remedy }),
    );
  });
});
