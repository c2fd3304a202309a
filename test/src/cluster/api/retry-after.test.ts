/** A server that is busy, and says when to come back. */
import { expect, test } from 'vitest';
import { answeringServer, clientOf } from './support.ts';

/** A server that answers so, one after another, and at last with a 200. */
async function answers(...list: [status: number, retryAfter: string | undefined][]) {
  let asked = 0;
  const { url } = await answeringServer((_request, response) => {
    const [status, retryAfter] = list[asked++] ?? [200, undefined];
    response.writeHead(status, retryAfter === undefined ? {} : { 'Retry-After': retryAfter }).end('{}');
  });
  return { client: await clientOf(url), asked: () => asked };
}

test.each<[string, [number, string | undefined][]]>([
  ['429 with seconds', [[429, '0']]],
  ['503 with a time that has come', [[503, new Date(0).toUTCString()]]],
  [
    'several times',
    [
      [429, '0'],
      [503, '0'],
      [429, '0'],
    ],
  ],
])('%s is asked again', async (_name, list) => {
  const { client, asked } = await answers(...list);
  expect(await client.get('/')).toMatchObject({ status: 200 });
  expect(asked()).toBe(list.length + 1);
});

test.each<[string, number, string | undefined]>([
  ['429 without a time', 429, undefined],
  ['503 without a time', 503, undefined],
  ['500 with one', 500, '0'],
  ['a time that is too long', 429, '3600'],
  ['a time that is none', 429, 'soon'],
])('%s is final', async (_name, status, retryAfter) => {
  const { client, asked } = await answers([status, retryAfter]);
  expect(await client.get('/')).toMatchObject({ status });
  expect(asked()).toBe(1);
});

test('a server that is never ready is asked five times', async () => {
  const { client, asked } = await answers(...Array.from({ length: 9 }, (): [number, string] => [429, '0']));
  expect(await client.get('/')).toMatchObject({ status: 429 });
  expect(asked()).toBe(5);
});

test('the time is waited for, but not past the end of the client', async () => {
  const { client, asked } = await answers([429, '1'], [429, '9']);
  const began = performance.now();
  const waiting = client.get('/');
  const refused = expect(waiting).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
  await expect.poll(asked, { timeout: 5_000 }).toBe(2);
  expect(performance.now() - began).toBeGreaterThan(990);
  await client.close();
  await refused;
});

test('an upgrade is not asked for again', async () => {
  const { client, asked } = await answers([429, '0']);
  const request = { method: 'POST' as const, path: '/', headers: { Connection: 'Upgrade', Upgrade: 'x' } };
  expect(await client.upgrade(request)).toMatchObject({ upgraded: false, status: 429 });
  expect(asked()).toBe(1);
});
