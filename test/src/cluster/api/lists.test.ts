/** A list in JSON, as it comes over HTTP. */
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readList } from '../../../../src/cluster/api/body.ts';
import type { Batch } from '../../../../src/cluster/api/list-parser.ts';

const AROUND = { kind: 'ServiceList', metadata: { resourceVersion: '7' } };

let server: Server;
let text = '';
beforeEach(async () => {
  server = createServer((_request, response) => response.end(text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function answer(): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  return response;
}

async function read(): Promise<{ items: unknown[]; status: number; body: unknown; message: string }> {
  const items: unknown[] = [];
  const onItems = async (some: Batch) => void items.push(...some.read());
  const rest = await readList(await answer(), { onItems });
  return { items, ...rest };
}

test.each([0, 1, 3, 700, 5000])('%i items', async (count) => {
  const items = Array.from({ length: count }, (_, i) => ({
    metadata: { name: `"é}],{ ${i}`, uid: 'x'.repeat(90) },
  }));
  text = JSON.stringify({ ...AROUND, items });
  expect(await read()).toEqual({ items, status: 200, body: { ...AROUND, items: [] }, message: '' });
});

test('items may be null, as Go writes an empty list', async () => {
  text = JSON.stringify({ ...AROUND, items: null });
  expect(await read()).toMatchObject({ items: [], body: { ...AROUND, items: null } });
});

test('what is no JSON is told by its beginning', async () => {
  text = '<html>please log in</html>';
  expect(await read()).toMatchObject({
    items: [],
    body: undefined,
    message: expect.stringContaining('log in'),
  });
});

test.each([2, 5000])('a list of %i items that breaks off has no body', async (count) => {
  text = JSON.stringify({ ...AROUND, items: Array.from({ length: count }, () => ({ uid: 'x'.repeat(90) })) });
  text = text.slice(0, -2);
  expect(await read()).toMatchObject({ status: 200, body: undefined });
});
