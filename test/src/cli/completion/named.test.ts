/** Names from files and locks, with a real kubeconfig, pipe and lock. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NAMED } from '../../../../src/cli/completion/named.ts';
import { Claim } from '../../../../src/named/registry.ts';
import { stateDirectory } from '../../../../src/named/state-directory.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-completion-'));
  vi.stubEnv('HOME', folder);
  vi.stubEnv('KUBECONFIG', join(folder, 'config'));
  vi.stubEnv('XDG_RUNTIME_DIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const LOGIN_RAN = 'login-ran';

function writeKubeconfig(name: string, ...contexts: readonly { name: string; namespace?: string }[]): void {
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: 'touch',
    args: [join(folder, LOGIN_RAN)],
    interactiveMode: 'Never',
  };
  const config = {
    clusters: [{ name: 'cluster', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'user', user: { exec } }],
    contexts: contexts.map(({ name, namespace }) => ({
      name,
      context: { cluster: 'cluster', user: 'user', namespace },
    })),
  };
  writeFileSync(join(folder, name), JSON.stringify(config));
}

const namesOf = (placeholder: string, values: Record<string, string> = {}) =>
  NAMED[placeholder](new Map(Object.entries(values)));

describe('a kubeconfig', () => {
  test('names contexts, clusters, users and namespaces; no login is run', async () => {
    writeKubeconfig(
      'config',
      { name: 'arn:aws:one', namespace: 'shop' },
      { name: 'two', namespace: 'shop' },
      { name: 'three' },
    );
    expect(await namesOf('context')).toEqual(['arn:aws:one', 'two', 'three']);
    expect(await namesOf('namespace')).toEqual(['shop']);
    expect(await namesOf('cluster')).toEqual(['cluster']);
    expect(await namesOf('user')).toEqual(['user']);
    expect(existsSync(join(folder, LOGIN_RAN))).toBe(false);
  });

  test('is the one that --kubeconfig names, as it is typed', async () => {
    writeKubeconfig('config', { name: 'usual' });
    writeKubeconfig('other', { name: 'other' });
    expect(await namesOf('context', { kubeconfig: '~/other' })).toEqual(['other']);
    expect(await namesOf('context', { kubeconfig: '' })).toEqual(['usual']);
  });

  test('that is a pipe, missing or broken names nothing', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    writeFileSync(join(folder, 'broken'), '{');
    for (const name of ['pipe', 'missing', 'broken'])
      expect(await namesOf('context', { kubeconfig: join(folder, name) })).toEqual([]);
  });
});

test('sandboxes are those that run', async () => {
  expect(await namesOf('sandbox')).toEqual([]);
  const claim = await Claim.take(stateDirectory(process.env), 'box');
  try {
    expect(await namesOf('sandbox')).toEqual(['box']);
  } finally {
    claim.release();
  }
});
