/**
 * Entries of a kubeconfig, as client-node alone reads them, and as they are read here.
 *
 * Each test begins with what client-node does. Where one fails there, client-node
 * has changed, and what is done about it in entries.ts may be no longer needed.
 */
import { newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCluster, readContext, readUser } from '../../../../src/cluster/access/entries.ts';
import type { Yaml } from '../../../../src/cluster/access/fields.ts';
import { Scratch } from './scratch.ts';

type Mapping = { [key: string]: Yaml };

const alone = {
  cluster: (cluster: Mapping) => newClusters([{ name: 'c', cluster }])[0],
  user: (user: Mapping) => newUsers([{ name: 'u', user }])[0],
  context: (context: Mapping) => newContexts([{ name: 'x', context }])[0],
};
const here = {
  cluster: (cluster: Mapping) => readCluster('c', cluster, '/of/file'),
  user: (user: Mapping) => readUser('u', user, '/of/file', '/of/file/config'),
  context: (context: Mapping) => readContext('x', context),
};

describe('is taken from client-node', () => {
  test('what it says of a cluster', () => {
    const read = alone.cluster({
      server: 'https://api.test',
      'certificate-authority': '/ca.pem',
      'insecure-skip-tls-verify': true,
      'tls-server-name': 'other.test',
      'proxy-url': 'http://proxy.test',
    });
    expect(read).toMatchObject({ caFile: '/ca.pem', skipTLSVerify: true, tlsServerName: 'other.test' });
    expect(
      here.cluster({
        server: 'https://api.test',
        'certificate-authority': '/ca.pem',
        'insecure-skip-tls-verify': true,
        'tls-server-name': 'other.test',
        'proxy-url': 'http://proxy.test',
      }),
    ).toEqual({ ...read, execConfig: null });
  });

  test('what it says of a user and of a context', () => {
    const user = { token: 't', as: 'jane', username: 'n', password: 'p', 'client-key-data': 'aw==' };
    expect(alone.user(user)).toMatchObject({ impersonateUser: 'jane', keyData: 'aw==' });
    const { token, username, password, impersonateUser, keyData } = alone.user(user);
    expect(here.user(user)).toMatchObject({ token, username, password, impersonateUser, keyData });
    const context = { cluster: 'c', user: 'u', namespace: 'n' };
    expect(here.context(context)).toEqual(alone.context(context));
  });

  test('that an entry without a name is none', () => {
    expect(() => newUsers([{ user: {} }])).toThrow('name is missing');
    expect(readUser('', {}, '/', '')).toBeUndefined();
    expect(readCluster('', {}, '/')).toBeUndefined();
    expect(readContext('', {})).toBeUndefined();
  });
});

describe('is read otherwise:', () => {
  test('fields that it does not know', () => {
    const user = { tokenFile: 'token', 'as-uid': '7', 'as-groups': ['g'], 'as-user-extra': { k: ['v'] } };
    expect(alone.user(user)).toEqual(alone.user({}));
    expect(here.user(user)).toMatchObject({
      tokenFile: '/of/file/token',
      impersonateUid: '7',
      impersonateGroups: ['g'],
      impersonateExtra: { k: ['v'] },
    });
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }];
    const cluster = { server: 'https://api.test', extensions };
    expect(alone.cluster(cluster)).toEqual(alone.cluster({ server: 'https://api.test' }));
    expect(here.cluster(cluster)).toMatchObject({ execConfig: { audience: 'a' } });
  });

  test('a plugin and an auth-provider, which have no types', () => {
    const user = { exec: { command: 'bin/p', args: [1] }, 'auth-provider': { name: 'oidc' } };
    expect(alone.user(user)).toMatchObject({
      exec: { command: 'bin/p', args: [1] },
      authProvider: { name: 'oidc' },
    });
    expect(here.user(user)).toMatchObject({
      exec: { command: '/of/file/bin/p', args: ['1'], env: [], provideClusterInfo: false },
      authProvider: { name: 'oidc', config: {} },
    });
  });

  test('scalars, which need not be of the type that it gives them', () => {
    expect(alone.user({ token: 123 }).token).toBe(123);
    expect(here.user({ token: 123 })?.token).toBe('123');
    expect(alone.context({ cluster: 'c', namespace: { a: 1 } }).namespace).toEqual({ a: 1 });
    expect(here.context({ cluster: 'c', namespace: { a: 1 } })?.namespace).toBeFalsy();
    expect(() => alone.cluster({ server: 1 })).toThrow(TypeError);
    expect(here.cluster({ server: 1 })?.server).toBe('1');
  });

  test('paths that are relative', () => {
    const files = { 'client-certificate': 'a.pem', 'client-key': '../b.pem' };
    expect(alone.user(files)).toMatchObject({ certFile: 'a.pem', keyFile: '../b.pem' });
    expect(here.user(files)).toMatchObject({ certFile: '/of/file/a.pem', keyFile: '/of/b.pem' });
  });

  test('a slash at the end of the server', () => {
    expect(alone.cluster({ server: 'https://api.test/k8s/' }).server).toBe('https://api.test/k8s');
    expect(here.cluster({ server: 'https://api.test/k8s/' })?.server).toBe('https://api.test/k8s/');
  });

  test('what lacks something, and may never be used', () => {
    expect(() => alone.cluster({})).toThrow('server is missing');
    expect(here.cluster({})?.server).toBe('');
    expect(() => alone.context({ user: 'u' })).toThrow('cluster is missing');
    expect(here.context({ user: 'u' })).toMatchObject({ cluster: '', user: 'u' });
    expect(alone.context({ cluster: 'c' }).user).toBeUndefined();
    expect(here.context({ cluster: 'c' })?.user).toBe('');
  });

  test('`token-file`, which it reads at once, and which is no field', () => {
    const scratch = new Scratch();
    scratch.write('token', 'in-file');
    const user = { 'token-file': join(scratch.path, 'token') };
    expect(alone.user(user).token).toBe('in-file');
    expect(here.user(user)?.token).toBeFalsy();
    expect(() => alone.user({ 'token-file': join(scratch.path, 'none') })).toThrow('ENOENT');
  });
});
