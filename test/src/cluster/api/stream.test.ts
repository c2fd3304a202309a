/** Bodies that go on: read as they come, and ended by whoever has the right to. */
import { once } from 'node:events';
import type http from 'node:http';
import { expect, test } from 'vitest';
import { answeringServer, clientOf } from './support.ts';

const never = new AbortController().signal;
const PATIENCE_MS = 10_000;

/** A server whose answer begins with one line, and stays open. */
async function openEnded(): Promise<{ url: string; responses: http.ServerResponse[] }> {
  const responses: http.ServerResponse[] = [];
  const { url } = await answeringServer((_request, response) => {
    responses.push(response);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write('first\n');
  });
  return { url, responses };
}

async function begin(url: string, signal: AbortSignal = never, idleMs = PATIENCE_MS) {
  const client = await clientOf(url);
  const answer = await client.stream('/watch', { signal, idleMs });
  if (!answer.streaming) throw new Error(`refused: ${answer.status}`);
  const pieces = answer.body[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await pieces.next();
    return done === true ? undefined : Buffer.from(value).toString();
  };
  expect(await next()).toBe('first\n');
  return { client, next, pieces };
}

test('pieces come as the server sends them, until it ends', async () => {
  const { url, responses } = await openEnded();
  const { next } = await begin(url);
  responses[0]?.write('second\n');
  expect(await next()).toBe('second\n');
  responses[0]?.end();
  expect(await next()).toBeUndefined();
});

test('a refusal is an answer like any other', async () => {
  const { url } = await answeringServer((_request, response) => {
    response.writeHead(410).end('{"message": "too old resource version"}');
  });
  const answer = await (await clientOf(url)).stream('/watch', { signal: never, idleMs: PATIENCE_MS });
  expect(answer).toMatchObject({ streaming: false, status: 410, message: 'too old resource version' });
});

test('the signal ends it with its own reason', async () => {
  const { url, responses } = await openEnded();
  const controller = new AbortController();
  const { next } = await begin(url, controller.signal);
  const gone = once(responses[0], 'close');
  const waiting = next();
  const reason = new Error('that will do');
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await gone;
});

test('a signal that came before is heeded before anything is sent', async () => {
  const { url, responses } = await openEnded();
  const reason = new Error('too late');
  const asked = (await clientOf(url)).stream('/watch', { signal: AbortSignal.abort(reason), idleMs: 1 });
  await expect(asked).rejects.toBe(reason);
  expect(responses).toEqual([]);
});

test('a silence that is too long ends it', async () => {
  const { url, responses } = await openEnded();
  const { next } = await begin(url, never, 50);
  await expect(next()).rejects.toMatchObject({
    code: 'API_UNREACHABLE',
    message: expect.stringContaining('nothing was heard for 0.05 s'),
  });
  expect(responses).toHaveLength(1);
});

test('a connection that breaks is an error, not an end', async () => {
  const { url, responses } = await openEnded();
  const { next } = await begin(url);
  responses[0]?.destroy();
  await expect(next()).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
});

test('whoever stops reading closes the connection', async () => {
  const { url, responses } = await openEnded();
  const { pieces } = await begin(url);
  const gone = once(responses[0], 'close');
  await pieces.return?.();
  await gone;
});

test('closing the client ends all', async () => {
  const { url } = await openEnded();
  const { client, next } = await begin(url);
  const waiting = expect(next()).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
  await client.close();
  await waiting;
  await expect(client.get('/')).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
});

test('many streams leave the slots of other requests alone', async () => {
  const responses: http.ServerResponse[] = [];
  const { url } = await answeringServer((request, response) => {
    if (request.url === '/short') response.end('{}');
    else responses.push(response.writeHead(200));
    response.flushHeaders();
  });
  const client = await clientOf(url);
  const options = { signal: never, idleMs: PATIENCE_MS };
  const streams = Array.from({ length: 64 }, () => client.stream('/watch', options));
  expect((await Promise.all(streams)).every(({ streaming }) => streaming)).toBe(true);
  expect(await client.get('/short')).toMatchObject({ status: 200, body: {} });
});
