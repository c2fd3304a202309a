/** Credentials that something else renews in their files while we run. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connect } from './ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from './authority.ts';
import { recordingServer } from './recording-server.ts';
import { Scratch } from './scratch.ts';

let authority: Authority;
let serverPair: Pair;
let first: Pair;
let second: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  [serverPair, first, second] = await Promise.all([
    authority.server(['127.0.0.1']),
    authority.client('first'),
    authority.client('second'),
  ]);
});

async function withUser(user: object) {
  const server = await recordingServer(authority, serverPair);
  const scratch = new Scratch();
  const kubeconfig = scratch.write(
    'config',
    JSON.stringify({
      clusters: [
        { name: 'c', cluster: { server: server.url, 'certificate-authority-data': base64(authority.ca) } },
      ],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  return { server, scratch, kubeconfig };
}

describe('a client certificate in files', () => {
  const user = { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' };

  test('new connections have the new one, without a restart', async () => {
    const { server, scratch, kubeconfig } = await withUser(user);
    scratch.write('tls.crt', first.cert);
    scratch.write('tls.key', first.key);
    const client = await connect({ kubeconfig });
    await client.get('/a');
    await client.get('/b');
    scratch.write('tls.crt', second.cert);
    scratch.write('tls.key', second.key);
    await client.get('/c');
    expect(server.requests.map(({ commonName }) => commonName)).toEqual(['first', 'first', 'second']);
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
  });

  test('half of a pair is not taken', async () => {
    const { server, scratch, kubeconfig } = await withUser(user);
    scratch.write('tls.crt', first.cert);
    scratch.write('tls.key', first.key);
    const client = await connect({ kubeconfig });
    await client.get('/a');
    scratch.write('tls.crt', second.cert);
    await client.get('/b');
    rmSync(join(scratch.path, 'tls.key'));
    await client.get('/c');
    scratch.write('tls.key', second.key);
    await client.get('/d');
    expect(server.requests.map(({ commonName }) => commonName)).toEqual([
      'first',
      'first',
      'first',
      'second',
    ]);
  });

  test.each<[string, (scratch: Scratch) => void, RegExp]>([
    ['is not there', () => {}, /ENOENT.*tls\.crt/],
    [
      'is of another key',
      (scratch) => {
        scratch.write('tls.crt', first.cert);
        scratch.write('tls.key', second.key);
      },
      /do not belong together/,
    ],
    [
      'is none',
      (scratch) => {
        scratch.write('tls.crt', 'hello');
        scratch.write('tls.key', first.key);
      },
      /certificate is no PEM/,
    ],
  ])('one that %s is one clear line', async (_name, prepare, says) => {
    const { scratch, kubeconfig } = await withUser(user);
    prepare(scratch);
    const error: unknown = await (await connect({ kubeconfig })).get('/').catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'CREDENTIALS_FAILED', message: expect.stringMatching(says) });
    expect(String(error)).not.toContain('\n');
  });
});

const token = (value: string) => ({ token: value });

const inline = ({ cert, key }: Pair) => ({
  'client-certificate-data': base64(cert),
  'client-key-data': base64(key),
});

describe('a login that stands in the kubeconfig', () => {
  test.each([
    ['a token', () => [token('one'), token('two')], ['authorization: Bearer two'], ''],
    ['a certificate', () => [inline(first), inline(second)], [], 'second'],
    [
      'what was a certificate and is a token',
      () => [inline(first), token('two')],
      ['authorization: Bearer two'],
      '',
    ],
  ])(
    '%s, is read again when the server refuses it, and not before',
    async (_what, logins, identity, name) => {
      const [before, after] = logins();
      const { server, scratch, kubeconfig } = await withUser(before);
      const client = await connect({ kubeconfig });
      let refused = 0;
      await client.get('/a');
      scratch.write(
        'config',
        readFileSync(kubeconfig, 'utf8').replace(JSON.stringify(before), JSON.stringify(after)),
      );
      await client.get('/b');
      expect(server.requests[1]).toMatchObject({ identity: server.requests[0].identity });
      server.refuse = () => (refused++ < 2 ? 401 : undefined);
      const answers = await Promise.all([client.get('/c'), client.get('/c')]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(server.requests).toHaveLength(6);
      for (const request of server.requests.slice(4))
        expect(request).toMatchObject({ identity, commonName: name });
    },
  );

  test('is not asked with again where it is the same, nor where it is for another cluster', async () => {
    const { server, scratch, kubeconfig } = await withUser(token('one'));
    const client = await connect({ kubeconfig });
    server.refuse = () => 401;
    expect(await client.get('/a')).toMatchObject({ status: 401 });
    const other = await recordingServer(authority, serverPair);
    const text = readFileSync(kubeconfig, 'utf8');
    scratch.write('config', text.replace('"one"', '"two"').replace(server.url, other.url));
    expect(await client.get('/b')).toMatchObject({ status: 401 });
    scratch.write('config', '{ half');
    expect(await client.get('/c')).toMatchObject({ status: 401 });
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b', '/c']);
    expect(other.requests).toEqual([]);
  });

  test('is not read again from a named pipe, which may have nobody who writes to it', async () => {
    const { server, scratch, kubeconfig } = await withUser(token('one'));
    const pipe = join(scratch.path, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writeTo = (from: string) => spawn('sh', ['-c', 'cat "$0" >"$1"', from, pipe]);
    writeTo(kubeconfig);
    const client = await connect({ kubeconfig: pipe });
    // Whoever reads it all the same has this.
    const other = scratch.write('other', readFileSync(kubeconfig, 'utf8').replace('"one"', '"two"'));
    const writer = writeTo(other);
    onTestFinished(() => void writer.kill());
    server.refuse = () => 401;
    expect(await client.get('/a')).toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(1);
  });

  test('is not the one of the file where an option has another', async () => {
    const { server, scratch, kubeconfig } = await withUser(token('one'));
    const client = await connect({ kubeconfig, token: 'given' });
    scratch.write('config', readFileSync(kubeconfig, 'utf8').replace('"one"', '"two"'));
    server.refuse = () => 401;
    expect(await client.get('/a')).toMatchObject({ status: 401 });
    expect(server.requests.map(({ identity }) => identity)).toEqual([['authorization: Bearer given']]);
  });
});

describe('a token in a file', () => {
  test('is read again when it is another, also behind a link as the kubelet makes it', async () => {
    const { server, scratch, kubeconfig } = await withUser({ tokenFile: 'mount/token' });
    const publish = (version: string): void => {
      const data = join(scratch.path, 'mount', version);
      mkdirSync(data, { recursive: true });
      writeFileSync(join(data, 'token'), `${version}\n`);
      symlinkSync(version, join(scratch.path, 'mount/..new'));
      renameSync(join(scratch.path, 'mount/..new'), join(scratch.path, 'mount/..data'));
    };
    publish('one');
    symlinkSync('..data/token', join(scratch.path, 'mount/token'));
    const client = await connect({ kubeconfig });
    await client.get('/a');
    publish('two');
    await client.get('/b');
    expect(server.requests.map(({ identity }) => identity)).toEqual([
      ['authorization: Bearer one'],
      ['authorization: Bearer two'],
    ]);
  });

  test('that is empty is one clear line', async () => {
    const { scratch, kubeconfig } = await withUser({ tokenFile: 'token' });
    const file = scratch.write('token', '\n');
    await expect((await connect({ kubeconfig })).get('/')).rejects.toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringContaining(`${file} is empty`),
    });
  });
});

test('in a pod: server, authority, token and namespace are what Kubernetes mounts', async () => {
  const server = await recordingServer(authority, serverPair);
  const scratch = new Scratch();
  scratch.write('token', 'of-the-pod');
  scratch.write('ca.crt', authority.ca);
  scratch.write('namespace', 'team');
  const env = {
    HOME: scratch.path,
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(server.port),
  };
  const client = await connect({ serviceAccountFolder: scratch.path }, env);
  expect(client.access).toMatchObject({ contextName: 'in-cluster', namespace: 'team' });
  await client.get('/a');
  scratch.write('token', 'renewed');
  await client.get('/b');
  expect(server.requests.map(({ identity }) => identity[0])).toEqual([
    'authorization: Bearer of-the-pod',
    'authorization: Bearer renewed',
  ]);
});
