/** The auth-provider `oidc` against a provider of the test's own. */
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { connect } from './ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from './authority.ts';
import { recordingServer } from './recording-server.ts';
import { Scratch } from './scratch.ts';

let authority: Authority;
let pair: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  pair = await authority.server(['127.0.0.1']);
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON Web Token that nobody signed: it is the API server that looks at that. */
const idToken = (name: string, lifetimeS: number): string => {
  return `${part({ alg: 'none' })}.${part({ sub: name, exp: Math.floor(Date.now() / 1_000) + lifetimeS })}.x`;
};

interface Provider {
  readonly issuer: string;
  /** The forms that came to the token endpoint, with the Authorization header. */
  readonly forms: Record<string, string>[];
}

/** @param wants where it wants the client's secret */
async function provider(wants: 'header' | 'form', grant: object, status = 200): Promise<Provider> {
  const forms: Record<string, string>[] = [];
  const answer: http.RequestListener = (request, response) => {
    void text(request).then((body) => {
      response.setHeader('Content-Type', 'application/json');
      if (request.url === '/realm/.well-known/openid-configuration') {
        return response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }));
      }
      const { authorization = '' } = request.headers;
      forms.push({ ...Object.fromEntries(new URLSearchParams(body)), authorization });
      const accepted = (wants === 'header') === authorization.startsWith('Basic ');
      response.statusCode = accepted ? status : 401;
      return response.end(JSON.stringify(accepted ? grant : { error: 'invalid_client' }));
    });
  };
  const server = https.createServer({ ...pair }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;
  return { issuer, forms };
}

async function kubeconfigWith(config: object, name = 'config') {
  const server = await recordingServer(authority, pair);
  const scratch = new Scratch();
  const settings = Object.entries(config).map(([key, value]) => `        ${key}: ${JSON.stringify(value)}`);
  const kubeconfig = scratch.write(
    name,
    `# mine
apiVersion: v1
kind: Config
clusters:
- {name: c, cluster: {server: "${server.url}", certificate-authority-data: ${base64(authority.ca)}}}
contexts:
- {name: x, context: {cluster: c, user: u}}
current-context: x
users:
- name: other
  user: {}
- name: u # me
  user:
    auth-provider:
      name: oidc
      config:
${settings.join('\n')}
`,
    0o640,
  );
  return { server, scratch, kubeconfig };
}

/** The settings of somebody whose token is to be renewed. */
const expired = (issuer: string): object => ({
  'client-id': 'kube',
  'client-secret': 's3',
  'id-token': idToken('jane', -60),
  'idp-certificate-authority-data': base64(authority.ca),
  'idp-issuer-url': issuer,
  'refresh-token': 'first',
});

const bearerOf = (token: string) => [`authorization: Bearer ${token}`];

test('a token that is good is sent as it is', async () => {
  const token = idToken('jane', 3_600);
  const { server, kubeconfig } = await kubeconfigWith({ 'id-token': token });
  await (await connect({ kubeconfig })).get('/');
  expect(server.requests[0]?.identity).toEqual(bearerOf(token));
});

describe.each(['header', 'form'] as const)('one that has expired, with the secret in the %s', (wants) => {
  test('is renewed once for all who wait, and written back', async () => {
    const token = idToken('jane', 3_600);
    const { issuer, forms } = await provider(wants, { id_token: token, refresh_token: 'second' });
    const { server, scratch, kubeconfig } = await kubeconfigWith(expired(issuer));
    const link = join(scratch.path, 'link');
    symlinkSync(kubeconfig, link);
    const client = await connect({ kubeconfig: link });
    await Promise.all([client.get('/a'), client.get('/b')]);
    await client.get('/c');
    expect(server.requests.map(({ identity }) => identity)).toEqual(Array(3).fill(bearerOf(token)));
    expect(forms).toHaveLength(wants === 'header' ? 1 : 2);
    expect(forms.at(-1)).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'first',
      ...(wants === 'form'
        ? { client_id: 'kube', client_secret: 's3' }
        : { authorization: `Basic ${base64('kube:s3')}` }),
    });
    const written = readFileSync(kubeconfig, 'utf8');
    expect(written).toContain('# mine');
    expect(written).toContain('name: u # me');
    expect((parse(written) as { users: unknown[] }).users[1]).toMatchObject({
      user: {
        'auth-provider': { config: { 'id-token': token, 'refresh-token': 'second', 'client-id': 'kube' } },
      },
    });
    expect(statSync(kubeconfig).mode & 0o777).toBe(0o640);
    expect(existsSync(`${link}.lock`)).toBe(false);
  });
});

test('one that two contexts have is renewed once: its refresh token may be good for one use', async () => {
  const token = idToken('jane', 3_600);
  const { issuer, forms } = await provider('header', { id_token: token, refresh_token: 'second' });
  const { server, kubeconfig } = await kubeconfigWith(expired(issuer));
  const clients = await Promise.all([connect({ kubeconfig }), connect({ kubeconfig, cluster: 'c' })]);
  await Promise.all(clients.map((client) => client.get('/')));
  expect(server.requests.map(({ identity }) => identity)).toEqual(Array(2).fill(bearerOf(token)));
  expect(forms).toHaveLength(1);
});

test('one that the server refuses is renewed, and the request sent again', async () => {
  const [old, renewed] = [idToken('jane', 3_600), idToken('jane', 7_200)];
  const { issuer } = await provider('form', { id_token: renewed });
  const { server, kubeconfig } = await kubeconfigWith({
    'client-id': 'kube',
    'id-token': old,
    'idp-certificate-authority-data': base64(authority.ca),
    'idp-issuer-url': issuer,
    'refresh-token': 'keep',
  });
  server.refuse = ({ headers }) => (headers.authorization === `Bearer ${old}` ? 401 : undefined);
  expect(await (await connect({ kubeconfig })).get('/')).toMatchObject({ status: 200 });
  expect(readFileSync(kubeconfig, 'utf8')).toContain('refresh-token: "keep"');
});

test('a kubeconfig that another is writing is left alone, and that is said', async () => {
  const token = idToken('jane', 3_600);
  const { issuer } = await provider('form', { id_token: token, refresh_token: 'second' });
  const { server, scratch, kubeconfig } = await kubeconfigWith({
    'client-id': 'kube',
    'idp-certificate-authority-data': base64(authority.ca),
    'idp-issuer-url': issuer,
    'refresh-token': 'first',
  });
  const lock = scratch.write('config.lock', '');
  const before = readFileSync(kubeconfig, 'utf8');
  const warnings: string[] = [];
  await (await connect({ kubeconfig, warn: (message) => warnings.push(message) })).get('/');
  expect(server.requests[0]?.identity).toEqual(bearerOf(token));
  expect(warnings).toEqual([expect.stringMatching(/user "u" could not be written .*EEXIST/)]);
  expect(readFileSync(kubeconfig, 'utf8')).toBe(before);
  expect(existsSync(lock)).toBe(true);
});

describe('what cannot be renewed is one clear line:', () => {
  const expired = { 'id-token': 'no.token.at-all', 'client-id': 'kube', 'refresh-token': 'r' };
  test.each<[string, () => Promise<object>, RegExp]>([
    [
      'without a refresh token',
      async () => ({ ...expired, 'idp-issuer-url': 'https://127.0.0.1:1', 'refresh-token': '' }),
      /without "refresh-token"/,
    ],
    ['without a provider', async () => expired, /without "idp-issuer-url"/],
    [
      'nobody there',
      async () => ({ ...expired, 'idp-issuer-url': 'https://127.0.0.1:1' }),
      /OIDC provider 127\.0\.0\.1:1 cannot be reached.*ECONNREFUSED/,
    ],
    [
      'an unknown authority',
      async () => ({ ...expired, 'idp-issuer-url': (await provider('form', {})).issuer }),
      /cannot be reached: .*certificate/,
    ],
    [
      'no provider at all',
      async () => ({
        ...expired,
        'idp-issuer-url': (await recordingServer(authority, pair)).url,
        'idp-certificate-authority-data': base64(authority.ca),
      }),
      /names no token endpoint \(200\)/,
    ],
    [
      'a refusal',
      async () => ({
        ...expired,
        'idp-issuer-url': (
          await provider('form', { error: 'invalid_grant', error_description: 'Session\nover' }, 400)
        ).issuer,
        'idp-certificate-authority': new Scratch().write('idp-ca.pem', authority.ca),
      }),
      /did not renew the token \(400\): Session over/,
    ],
    [
      'an answer without a token',
      async () => ({
        ...expired,
        'idp-issuer-url': (await provider('form', {})).issuer,
        'idp-certificate-authority-data': base64(authority.ca),
      }),
      /gave no id_token/,
    ],
  ])('%s', async (_name, config, says) => {
    const { server, kubeconfig } = await kubeconfigWith(await config());
    const error: unknown = await (await connect({ kubeconfig })).get('/').catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'CREDENTIALS_FAILED', message: expect.stringMatching(says) });
    expect(String(error)).not.toContain('\n');
    expect(server.requests).toEqual([]);
  });
});

test('client-node renews none: what it calls for it wants the issuer as a URL, and gets a text', async () => {
  const { issuer, forms } = await provider('header', { id_token: idToken('jane', 3_600) });
  const { kubeconfig } = await kubeconfigWith(expired(issuer));
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  await expect(config.applyToHTTPSOptions({})).rejects.toThrow('must be an instance of URL');
  expect(forms).toEqual([]);
  await (await connect({ kubeconfig })).get('/');
  expect(forms).toHaveLength(1);
});
