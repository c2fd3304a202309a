/** Which kubeconfig is taken, how several are merged, and what is said of a wrong one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadAccess } from '../../../../src/cluster/access/access.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-kubeconfig-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Contents {
  current?: string;
  contexts?: Record<string, string>;
  servers?: Record<string, string>;
}

function write(name: string, { current, contexts = {}, servers = {} }: Contents): string {
  const file = join(folder, name);
  writeFileSync(
    file,
    JSON.stringify({
      clusters: Object.entries(servers).map(([name, server]) => ({ name, cluster: { server } })),
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: Object.entries(contexts).map(([name, cluster]) => ({
        name,
        context: { cluster, user: 'u', ...(name === 'team' ? { namespace: 'team-ns' } : {}) },
      })),
      ...(current === undefined ? {} : { 'current-context': current }),
    }),
  );
  return file;
}

const plain: Contents = {
  current: 'one',
  contexts: { one: 'c' },
  servers: { c: 'https://one.test:6443/k8s/x/' },
};

test('a file by name; the path prefix of the server stays', async () => {
  const access = await loadAccess({ kubeconfig: write('a', plain) }, {});
  expect(access).toMatchObject({ contextName: 'one', clusterName: 'c', namespace: 'default' });
  expect(access.server.href).toBe('https://one.test:6443/k8s/x');
});

test('a list: the first of each name and the first current context win, missing files are skipped', async () => {
  const first = write('a', { contexts: { one: 'c', team: 'd' }, servers: { c: 'https://first.test' } });
  const second = write('b', {
    current: 'team',
    contexts: { one: 'd' },
    servers: { c: 'https://second.test', d: 'https://d.test' },
  });
  const third = write('c', { current: 'one' });
  const env = { KUBECONFIG: [join(folder, 'missing'), first, second, third].join(':') };
  const access = await loadAccess({}, env);
  expect(access).toMatchObject({ contextName: 'team', namespace: 'team-ns' });
  expect(access.server.href).toBe('https://d.test/');
  expect((await loadAccess({ context: 'one' }, env)).server.href).toBe('https://first.test/');
});

test('without either, ~/.kube/config', async () => {
  await expect(loadAccess({}, { HOME: folder })).rejects.toMatchObject({
    code: 'KUBECONFIG_MISSING',
    message: expect.stringContaining(join(folder, '.kube/config')),
    remedy: expect.stringContaining('--demo'),
  });
});

test('a file that was named has to exist, whatever $KUBECONFIG says', async () => {
  const env = { KUBECONFIG: write('a', plain) };
  await expect(loadAccess({ kubeconfig: join(folder, 'no') }, env)).rejects.toMatchObject({
    code: 'KUBECONFIG_MISSING',
  });
});

test.each<[string, Contents | string, string]>([
  ['no YAML', '{{', 'KUBECONFIG_INVALID'],
  ['an empty file', '', 'CONTEXT_UNKNOWN'],
  ['another kind of object', '{"kind": "Secret"}', 'KUBECONFIG_INVALID'],
  ['a list', '[]', 'KUBECONFIG_INVALID'],
  ['a context without its cluster', { ...plain, servers: {} }, 'KUBECONFIG_INVALID'],
  ['a server that is no URL', { ...plain, servers: { c: 'one.test' } }, 'KUBECONFIG_INVALID'],
  ['no current context', { contexts: { one: 'c' } }, 'CONTEXT_UNKNOWN'],
  ['a current context that is not there', { ...plain, current: 'two' }, 'CONTEXT_UNKNOWN'],
])('%s', async (_case, contents, code) => {
  const file = join(folder, 'a');
  if (typeof contents === 'string') writeFileSync(file, contents);
  else write('a', contents);
  const error: unknown = await loadAccess({ kubeconfig: file }, {}).catch((error: unknown) => error);
  expect(error).toMatchObject({ code, remedy: expect.stringMatching(/./) });
  expect(String(error)).not.toContain('\n');
});

test('an empty namespace is none', async () => {
  const file = write('a', plain);
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.contexts[0].context.namespace = '';
  writeFileSync(file, JSON.stringify(config));
  expect(await loadAccess({ kubeconfig: file }, {})).toMatchObject({ namespace: 'default' });
});

test('an unknown --context is answered with those that there are', async () => {
  await expect(loadAccess({ kubeconfig: write('a', plain), context: 'x' }, {})).rejects.toMatchObject({
    code: 'CONTEXT_UNKNOWN',
    remedy: expect.stringContaining('one'),
  });
});
