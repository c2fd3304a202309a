/** One resource as it is followed, of a server whose answers come when a test says so. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { JsonAnswer, StreamAnswer } from '../../../../../src/cluster/api/client.ts';
import type { ListReader } from '../../../../../src/cluster/api/body.ts';
import { DISCOVERY_LIMITS, type DiscoveryLimits } from '../../../../../src/cluster/discovery/limits.ts';
import { Backlog } from '../../../../../src/cluster/discovery/watch/backlog.ts';
import { Collection } from '../../../../../src/cluster/discovery/watch/collection.ts';
import { Health } from '../../../../../src/cluster/discovery/watch/health.ts';
import { CORE_ROOT } from '../../../../../src/cluster/discovery/watch/query.ts';
import { Reflector, type ReflectorContext } from '../../../../../src/cluster/discovery/watch/reflector.ts';
import { Wakefulness } from '../../../../../src/cluster/discovery/watch/wakefulness.ts';
import { ClusterError } from '../../../../../src/cluster/errors.ts';
import { Heard } from '../../../egress/support/heard.ts';
import { LogLines } from '../../probe.ts';

const object = (name: string, resourceVersion: string) => ({
  metadata: { namespace: 'e2e', name, resourceVersion },
});

/** A list of these objects, at this version. */
async function answerList({ onItems }: ListReader, version: string, names: string[]): Promise<JsonAnswer> {
  const items = names.map((name) => object(name, version));
  await onItems({ count: items.length, read: () => items });
  return { status: 200, message: '', body: { items: [], metadata: { resourceVersion: version } } };
}

function contextOf(
  api: Pick<ReflectorContext['api'], 'getList' | 'stream' | 'dropIdle'>,
  limits: Partial<DiscoveryLimits> = {},
): ReflectorContext {
  const log = new LogLines();
  return {
    api: { get: () => Promise.reject(new Error('not asked for')), ...api },
    contextName: 'test',
    limits: { ...DISCOVERY_LIMITS, ...limits },
    log,
    health: new Health(DISCOVERY_LIMITS.reportMs, log),
    wakefulness: new Wakefulness(DISCOVERY_LIMITS),
    random: () => 0,
    backlog: new Backlog((error) => error),
    begun: Promise.resolve(),
  };
}

test('a list that a watch has overtaken says nothing any more', async () => {
  const lists = new Heard<(version: string, names: string[]) => void>();
  const events = new Heard<object>();
  const seen = new Heard<string>();
  const known = new Set<string>();
  const watches = new Heard<StreamAnswer>();
  async function* body(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.from(`${JSON.stringify(await events.next())}\n`);
  }
  const reflector = new Reflector(
    contextOf({
      getList: (_path, reader) =>
        new Promise((resolve) => lists.push((version, names) => resolve(answerList(reader, version, names)))),
      stream: () => watches.next(),
      dropIdle: () => {},
    }),
    { root: CORE_ROOT, resource: 'services' },
    new Collection(
      ({ metadata }) => metadata.name,
      (key, _before, after) => {
        if (after === undefined) known.delete(key);
        else known.add(key);
        seen.push(key);
      },
    ),
  );
  onTestFinished(() => reflector.close());
  const started = reflector.start();
  (await lists.next())('1', ['web']);
  await started;
  expect(await seen.next()).toBe('e2e/web');

  const refreshed = reflector.refresh(0);
  const answer = await lists.next();
  watches.push({ streaming: true, body: body() });
  events.push({ type: 'DELETED', object: object('web', '3') });
  events.push({ type: 'ADDED', object: object('late', '4') });
  expect([await seen.next(), await seen.next()]).toEqual(['e2e/web', 'e2e/late']);
  answer('2', ['web']);
  await refreshed;
  expect([...known]).toEqual(['e2e/late']);
});

test('who has no credentials is not asked for them again as soon as a server that is away', async () => {
  const watches = new Heard<string>();
  const dropped = vi.fn<() => void>();
  const never = { firstMs: 2 ** 30, maxMs: 2 ** 30 };
  const reflector = new Reflector(
    contextOf(
      {
        getList: (_path, reader) => answerList(reader, '1', []),
        stream: (path) => {
          watches.push(path);
          throw new ClusterError('CREDENTIALS_FAILED', 'the login plugin has failed', 'log in');
        },
        dropIdle: dropped,
      },
      { failureBackoff: never, refusalBackoff: { firstMs: 1, maxMs: 1 } },
    ),
    { root: CORE_ROOT, resource: 'services' },
    new Collection(
      () => undefined,
      () => {},
    ),
  );
  onTestFinished(() => reflector.close());
  await reflector.start();
  for (let asked = 0; asked < 3; asked++) await watches.next();
  expect(dropped).not.toHaveBeenCalled();
});
