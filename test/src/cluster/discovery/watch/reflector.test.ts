/** One resource as it is followed, of a server whose answers come when a test says so. */
import { expect, onTestFinished, test } from 'vitest';
import type { JsonAnswer, StreamAnswer } from '../../../../../src/cluster/api/client.ts';
import type { ListReader } from '../../../../../src/cluster/api/body.ts';
import { DISCOVERY_LIMITS } from '../../../../../src/cluster/discovery/limits.ts';
import { Backlog } from '../../../../../src/cluster/discovery/watch/backlog.ts';
import { Collection } from '../../../../../src/cluster/discovery/watch/collection.ts';
import { Health } from '../../../../../src/cluster/discovery/watch/health.ts';
import { CORE_ROOT } from '../../../../../src/cluster/discovery/watch/query.ts';
import { Reflector } from '../../../../../src/cluster/discovery/watch/reflector.ts';
import { Wakefulness } from '../../../../../src/cluster/discovery/watch/wakefulness.ts';
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

test('a list that a watch has overtaken says nothing any more', async () => {
  const lists = new Heard<(version: string, names: string[]) => void>();
  const events = new Heard<object>();
  const seen = new Heard<string>();
  const known = new Set<string>();
  const watches = new Heard<StreamAnswer>();
  async function* body(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.from(`${JSON.stringify(await events.next())}\n`);
  }
  const log = new LogLines();
  const reflector = new Reflector(
    {
      api: {
        get: () => Promise.reject(new Error('not asked for')),
        getList: (_path, reader) =>
          new Promise((resolve) =>
            lists.push((version, names) => resolve(answerList(reader, version, names))),
          ),
        stream: () => watches.next(),
        dropIdle: () => {},
      },
      contextName: 'test',
      limits: DISCOVERY_LIMITS,
      log,
      health: new Health(DISCOVERY_LIMITS.reportMs, log),
      wakefulness: new Wakefulness(DISCOVERY_LIMITS),
      random: () => 0,
      backlog: new Backlog((error) => error),
      begun: Promise.resolve(),
    },
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
