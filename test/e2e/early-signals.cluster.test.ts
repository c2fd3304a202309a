/** Signals that come while there is no command yet: they are for the program itself. */

import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noneMarked } from '../support/processes.ts';
import { type RunOptions, startProgram } from '../support/program.ts';

/** Stands for an API server that takes connections and says nothing. */
let mute: Server;
let folder: string;
let kubeconfig: string;

beforeEach(async () => {
  mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  folder = mkdtempSync(join(tmpdir(), 'kns-mute-'));
  chmodSync(folder, 0o755);
  kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    `{ apiVersion: v1, kind: Config, current-context: mute,
       clusters: [{ name: mute, cluster: { server: 'https://127.0.0.1:${port}' } }],
       users: [{ name: nobody, user: {} }],
       contexts: [{ name: mute, context: { cluster: mute, user: nobody } }] }`,
  );
});
afterEach(() => {
  mute.close();
  rmSync(folder, { recursive: true });
});

/** A program that waits for its API server. */
async function waiting(mark: string, options: RunOptions = {}) {
  const connections: Socket[] = [];
  mute.on('connection', (socket) => connections.push(socket.on('error', () => {})));
  const child = startProgram(['--kubeconfig', kubeconfig, '--', 'echo', 'must not run'], {
    ...options,
    env: { KNS_TEST_MARK: mark },
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = once(child, 'close');
  await once(mute, 'connection');
  return {
    child,
    closed,
    stderr: () => stderr,
    hangUp: () => {
      mute.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

test('one that nobody ignores ends the program, and nothing is left', async () => {
  const { child, closed } = await waiting('early-term');
  child.kill('SIGTERM');
  await closed;
  expect(child.signalCode).toBe('SIGTERM');
  await noneMarked('KNS_TEST_MARK=early-term');
});

test('one that the caller ignores is ignored', async () => {
  const prefix = ['sh', '-c', `trap '' HUP; exec "$@"`, 'sh'];
  const { child, closed, stderr, hangUp } = await waiting('early-hup', { prefix });
  child.kill('SIGHUP');
  hangUp();
  await closed;
  expect([child.exitCode, child.signalCode]).toEqual([125, null]);
  expect(stderr()).toContain('[API_UNREACHABLE]');
  await noneMarked('KNS_TEST_MARK=early-hup');
});

test('a sandbox that can not be made is told at once, whatever the API server does', async () => {
  const bin = join(folder, 'bwrap');
  writeFileSync(bin, '#!/bin/sh\necho "bwrap: out of order" >&2; exit 1\n', { mode: 0o755 });
  const child = startProgram(['--kubeconfig', kubeconfig, '--', 'true'], {
    env: { PATH: `${folder}:${process.env['PATH']}` },
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  expect(child.exitCode).toBe(125);
  expect(stderr).toMatch(/^kns-rootless: .*bwrap: out of order.*\[BWRAP_FAILED\].*\n$/);
});
