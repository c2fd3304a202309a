/** An answer has come with its head, however long its body takes. */
import type http from 'node:http';
import { expect, test } from 'vitest';
import { connectUnread, loadAccess } from '../../../../src/cluster/index.ts';
import { LogLines } from '../probe.ts';
import { kubeconfigFor } from '../scripted-api.ts';
import { answeringServer, clientOf } from './support.ts';

test('it is told at its head', async () => {
  let far: http.ServerResponse | undefined;
  const { url } = await answeringServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).write('{');
    far = response;
  });
  const client = await clientOf(url);
  const told = new Promise<void>((resolve) => (client.onAnswer = resolve));
  const answer = client.get('/');
  await told;
  far?.end('}');
  expect(await answer).toMatchObject({ status: 200 });
});

test('a server whose lists take longer than 2 s has answered', async () => {
  const { url } = await answeringServer((_request, response) => {
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .write('{"metadata":{"resourceVersion":"1"},');
    setTimeout(() => response.end('"items":[]}'), 2_200);
  });
  const access = await loadAccess({ kubeconfigText: kubeconfigFor(url) });
  const log = new LogLines();
  const cluster = await connectUnread(access, { namespaces: ['shop'], log });
  await cluster.close();
  expect(log.lines.filter((line) => line.includes('waiting for'))).toEqual([]);
});
