/**
 * Where client-node's KubeConfig agrees with us, and where it doesn't with kubectl.
 *
 * kubectl.test.ts holds us to kubectl. This shows that both read the plain
 * kubeconfigs alike, and why the rest is not left to it: when one of the faults
 * below is gone, this fails, and the choice may be made again.
 */
import type https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { describe, expect, test } from 'vitest';
import { loadAccess } from '../../../../src/cluster/access/access.ts';
import { BARE_ENV } from './ask.ts';
import { base64, makeAuthority } from './authority.ts';
import { kubeconfigText } from './kubeconfig-text.ts';
import { Scratch } from './scratch.ts';

const CLUSTER = { server: 'https://api.test:6443' };

async function theirs(text: string): Promise<https.RequestOptions> {
  const config = new KubeConfig();
  config.loadFromString(text);
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return options;
}

async function ours(text: string) {
  const { tls, authenticator } = await loadAccess({ kubeconfigText: text }, BARE_ENV);
  return { tls, ...(await authenticator.grant()) };
}

describe('both agree on', () => {
  test('token, authority, server name and user of an impersonation', async () => {
    const { ca } = await makeAuthority();
    const text = kubeconfigText({
      cluster: { ...CLUSTER, 'certificate-authority-data': base64(ca), 'tls-server-name': 'other.test' },
      user: { token: 't', as: 'jane' },
    });
    const [they, we] = [await theirs(text), await ours(text)];
    expect(we.headers).toEqual(they.headers);
    expect(we.tls).toMatchObject({ ca: they.ca, servername: 'other.test' });
    expect(they).toMatchObject({ servername: 'other.test' });
  });

  test('a client certificate', async () => {
    const { cert, key } = await (await makeAuthority()).client('jane');
    const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
    const text = kubeconfigText({ cluster: CLUSTER, user });
    const they = await theirs(text);
    expect((await ours(text)).certificate).toEqual({ cert: they.cert, key: they.key });
  });
});

describe('it does not', () => {
  test('impersonate groups', async () => {
    const user = { token: 't', as: 'jane', 'as-groups': ['g'] };
    const text = kubeconfigText({ cluster: CLUSTER, user });
    expect((await theirs(text)).headers).not.toHaveProperty('Impersonate-Group');
    expect((await ours(text)).headers).toHaveProperty('Impersonate-Group', ['g']);
  });

  test('read a token file', async () => {
    const tokenFile = new Scratch().write('token', 'in-file');
    const text = kubeconfigText({ cluster: CLUSTER, user: { tokenFile } });
    expect((await theirs(text)).headers).not.toHaveProperty('Authorization');
    expect((await ours(text)).headers).toHaveProperty('Authorization', 'Bearer in-file');
  });

  test('verify a server by its authority where the context has no user', async () => {
    const { ca } = await makeAuthority();
    const cluster = { ...CLUSTER, 'certificate-authority-data': base64(ca) };
    const text = kubeconfigText({ cluster, context: { user: '' } });
    expect((await theirs(text)).ca).toBeUndefined();
    expect((await ours(text)).tls.ca?.toString()).toBe(ca);
  });

  test('tell a plugin what it was started for', async () => {
    const script = `printf '{"kind":"ExecCredential","apiVersion":"%s","status":{"token":"%s"}}' \
      client.authentication.k8s.io/v1 "\${KUBERNETES_EXEC_INFO:+told}"`;
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', script],
      interactiveMode: 'Never',
    };
    const text = kubeconfigText({ cluster: CLUSTER, user: { exec } });
    expect((await theirs(text)).headers).not.toHaveProperty('Authorization');
    expect((await ours(text)).headers).toHaveProperty('Authorization', 'Bearer told');
  });

  test('take a plain server', async () => {
    const text = kubeconfigText({ cluster: { server: 'http://127.0.0.1:8001' } });
    await expect(theirs(text)).rejects.toThrow(/HTTP protocol is not allowed/);
    expect((await ours(text)).headers).toEqual({});
  });

  test('keep connections: each request has an agent of its own', async () => {
    const config = new KubeConfig();
    config.loadFromString(kubeconfigText({ cluster: CLUSTER, user: { token: 't' } }));
    const [one, other]: https.RequestOptions[] = [{}, {}];
    await config.applyToHTTPSOptions(one);
    await config.applyToHTTPSOptions(other);
    expect(one.agent).not.toBe(other.agent);
  });
});
