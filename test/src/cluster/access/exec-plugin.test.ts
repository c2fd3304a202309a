/** Login plugins as real programs: when one is started, what it is given, what is made of what it says. */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type ClusterAccess, loadAccess } from '../../../../src/cluster/access/access.ts';
import { Logins } from '../../../../src/cluster/access/credentials/logins.ts';
import { Terminal } from '../../../../src/cluster/access/credentials/plugin/terminal.ts';
import { ApiClient } from '../../../../src/cluster/api/client.ts';
import { BARE_ENV } from './ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from './authority.ts';
import { recordingServer, type RecordingServer } from './recording-server.ts';
import { Scratch } from './scratch.ts';

const V1 = 'client.authentication.k8s.io/v1';

let authority: Authority;
let serverPair: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  serverPair = await authority.server(['127.0.0.1']);
});

interface Plugged {
  readonly server: RecordingServer;
  readonly access: ClusterAccess;
  readonly client: ApiClient;
  readonly scratch: Scratch;
  /** Another context of the same kubeconfig and process. */
  readonly another: (context: string) => Promise<ApiClient>;
  /** How often the plugin was started. */
  readonly starts: () => number;
}

function clientOf(access: ClusterAccess): ApiClient {
  const client = new ApiClient(access);
  onTestFinished(() => client.close());
  return client;
}

/** A plugin that notes each start and then does what the script says; `say` prints a status. */
async function plugged(script: string, entry: object = {}, logins = new Logins()): Promise<Plugged> {
  const server = await recordingServer(authority, serverPair);
  const scratch = new Scratch();
  const starts = scratch.write('starts', '');
  const program = scratch.write(
    'plugin',
    `#!/bin/sh
here=${scratch.path}
echo . >> ${starts}
start=$(grep -c . ${starts})
say() { printf '{"kind":"ExecCredential","apiVersion":"${V1}","status":%s}' "$1"; }
${script}
`,
    0o755,
  );
  const kubeconfig = scratch.write(
    'config',
    JSON.stringify({
      clusters: [
        { name: 'c', cluster: { server: server.url, 'certificate-authority-data': base64(authority.ca) } },
        {
          name: 'other',
          cluster: { server: `${server.url}/other`, 'certificate-authority-data': base64(authority.ca) },
        },
      ],
      users: [
        {
          name: 'u',
          user: { exec: { apiVersion: V1, command: program, interactiveMode: 'Never', ...entry } },
        },
      ],
      contexts: [
        { name: 'plugged', context: { cluster: 'c', user: 'u' } },
        { name: 'same cluster', context: { cluster: 'c', user: 'u', namespace: 'n' } },
        { name: 'other cluster', context: { cluster: 'other', user: 'u' } },
      ],
      'current-context': 'plugged',
    }),
  );
  const access = await loadAccess({ kubeconfig, logins }, BARE_ENV);
  const client = clientOf(access);
  return {
    another: async (context) => clientOf(await loadAccess({ kubeconfig, context, logins }, BARE_ENV)),
    server,
    access,
    client,
    scratch,
    starts: () => readFileSync(starts, 'utf8').split('.').length - 1,
  };
}

const identities = ({ requests }: RecordingServer) => requests.map(({ identity }) => identity.join());

describe('is started', () => {
  test('once for all who wait, and its token kept where it names no expiry', async () => {
    const { client, server, starts } = await plugged(`say '{"token":"t'$start'"}'`);
    await Promise.all([client.get('/a'), client.get('/b'), client.get('/c')]);
    await client.get('/d');
    expect(identities(server)).toEqual(Array(4).fill('authorization: Bearer t1'));
    expect(starts()).toBe(1);
  });

  test('again when the time that it named is over, and not before', async () => {
    const { client, server, starts } = await plugged(
      `[ $start = 1 ] && when=2000-01-01T00:00:00Z || when=2999-01-01T00:00:00.5+02:00
       say '{"token":"t'$start'","expirationTimestamp":"'$when'"}'`,
    );
    for (const path of ['/a', '/b', '/c']) await client.get(path);
    expect(identities(server)).toEqual([1, 2, 2].map((start) => `authorization: Bearer t${start}`));
    expect(starts()).toBe(2);
  });

  test('again after a 401, once for all who met it, and they are sent again', async () => {
    const { client, server, starts } = await plugged(`say '{"token":"t'$start'"}'`);
    await client.get('/a');
    server.refuse = ({ headers }) => (headers.authorization === 'Bearer t1' ? 401 : undefined);
    const answers = await Promise.all([client.get('/b'), client.get('/c')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(starts()).toBe(2);
  });

  test('no second time for one request whose fresh token is refused', async () => {
    const { client, server, starts } = await plugged(`say '{"token":"bad"}'`);
    server.refuse = () => 401;
    expect(await client.get('/a')).toMatchObject({ status: 401 });
    expect(starts()).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  test('again after it has failed', async () => {
    const { client, starts } = await plugged(`[ $start = 1 ] && exit 3; say '{"token":"t"}'`);
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'CREDENTIALS_FAILED' });
    expect(await client.get('/a')).toMatchObject({ status: 200 });
    expect(starts()).toBe(2);
  });
});

describe('for several contexts', () => {
  test('runs once, and again once for those of them whom the server refused', async () => {
    const { client, another, server, starts } = await plugged(`say '{"token":"t'$start'"}'`);
    const clients = [client, await another('same cluster'), await another('other cluster')];
    await Promise.all(clients.map((one) => one.get('/')));
    expect(starts()).toBe(1);
    server.refuse = ({ headers }) => (headers.authorization === 'Bearer t1' ? 401 : undefined);
    const answers = await Promise.all(clients.map((one) => one.get('/')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(starts()).toBe(2);
  });

  test('runs once for each cluster that it is told of', async () => {
    const { client, another, starts } = await plugged(`say '{"token":"t"}'`, { provideClusterInfo: true });
    await Promise.all([client.get('/'), (await another('same cluster')).get('/')]);
    expect(starts()).toBe(1);
    await (await another('other cluster')).get('/');
    expect(starts()).toBe(2);
  });
});

test('may give a client certificate, and another one when it is asked again', async () => {
  const { client, server, scratch } = await plugged('cat "$here/answer$start"');
  scratch.write('answer1', await withCertificate('first'));
  scratch.write('answer2', await withCertificate('second'));
  await client.get('/a');
  server.refuse = () => (server.requests.at(-1)?.commonName === 'first' ? 401 : undefined);
  expect(await client.get('/b')).toMatchObject({ status: 200 });
  expect(server.requests.map(({ commonName }) => commonName)).toEqual(['first', 'first', 'second']);
});

test('is given arguments, environment, and no input', async () => {
  const { client, scratch } = await plugged(
    `printf '%s\\n' "$@" "$COLOUR" "$KUBERNETES_EXEC_INFO" "$(cat)" > $here/given; say '{"token":"t"}'`,
    { args: ['a b', ''], env: [{ name: 'COLOUR', value: 'red' }] },
  );
  await client.get('/');
  const info = `{"kind":"ExecCredential","apiVersion":"${V1}","spec":{"interactive":false}}`;
  expect(readFileSync(join(scratch.path, 'given'), 'utf8')).toBe(`a b\n\nred\n${info}\n\n`);
});

test('of the older version may leave out the mode', async () => {
  const beta = 'client.authentication.k8s.io/v1beta1';
  const { client } = await plugged(
    `printf '{"kind":"ExecCredential","apiVersion":"${beta}","status":{"token":"t"}}'`,
    { apiVersion: beta, interactiveMode: undefined },
  );
  expect(await client.get('/')).toMatchObject({ status: 200 });
});

test('that must ask says so when the terminal is given away', async () => {
  const { access, client, starts } = await plugged(`say '{"token":"t"}'`, { interactiveMode: 'Always' });
  access.releaseTerminal();
  await expect(client.get('/')).rejects.toMatchObject({
    code: 'CREDENTIALS_FAILED',
    message: expect.stringContaining('which the command has now'),
  });
  expect(starts()).toBe(0);
});

test.each([
  ['IfAvailable', 'is started again to do without', /^t2$/, 2],
  ['Always', 'is not', /which the command has now/, 1],
])(
  'of the mode %s that still asks when the terminal is given away is ended, and %s',
  async (interactiveMode, _what, says, count) => {
    const { access, client, starts, server } = await plugged(
      `[ $start = 1 ] && exec sleep 600; say '{"token":"t'$start'"}'`,
      { interactiveMode },
      new Logins(new Terminal(() => true)),
    );
    const asked = client.get('/').then(
      () => identities(server).join().replace('authorization: Bearer ', ''),
      (error: unknown) => String(error),
    );
    await vi.waitFor(() => expect(starts()).toBe(1));
    access.releaseTerminal();
    expect(await asked).toMatch(says);
    expect(starts()).toBe(count);
  },
);

test('that is quiet goes on when the terminal is given away', async () => {
  const { access, client } = await plugged(`say '{"token":"t"}'`, { interactiveMode: 'IfAvailable' });
  access.releaseTerminal();
  expect(await client.get('/')).toMatchObject({ status: 200 });
});

describe('that goes wrong is one clear line:', () => {
  test.each<[string, string, object, RegExp]>([
    [
      'it is not installed',
      '',
      { command: 'kns-no-such-plugin', installHint: 'get it\nfrom there' },
      /login plugin kns-no-such-plugin: there is no such program: get it from there/,
    ],
    ['it may not be run', '', { command: tmpdir() }, /it cannot be started: .*EACCES/],
    ['it fails', `printf 'expired\\nlog in\\n' >&2; exit 4`, {}, /it ended with code 4: expired log in/],
    ['a signal ends it', 'kill -9 $$', {}, /SIGKILL ended it/],
    ['it prints no JSON', 'echo please log in', {}, /no JSON: please log in/],
    ['it prints nothing', ':', {}, /no JSON: \(nothing\)/],
    ['it prints something else', `echo '{"kind":"Status"}'`, {}, /the kind "Status"/],
    [
      'it speaks another version',
      `echo '{"kind":"ExecCredential","apiVersion":"x/v9"}'`,
      {},
      /it speaks "x\/v9", and the kubeconfig says/,
    ],
    ['it gives nothing', `say '{}'`, {}, /neither token nor certificate/],
    ['it gives half', `say '{"clientKeyData":"k"}'`, {}, /key without its certificate/],
    [
      'it gives nonsense',
      `say '{"clientKeyData":"k","clientCertificateData":"c"}'`,
      {},
      /certificate is no PEM/,
    ],
    ['it names no time', `say '{"token":"t","expirationTimestamp":"soon"}'`, {}, /is no time: soon/],
  ])('%s', async (_name, script, entry, says) => {
    const { access, client, server } = await plugged(script, entry);
    access.releaseTerminal(); // so that what it says on stderr is not shown here
    const error: unknown = await client.get('/').catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'CREDENTIALS_FAILED',
      message: expect.stringMatching(says),
      remedy: expect.stringContaining('kubectl --context plugged'),
    });
    expect(String(error)).not.toContain('\n');
    expect(server.requests).toEqual([]);
  });
});

/** What a plugin prints that gives a certificate. */
async function withCertificate(commonName: string): Promise<string> {
  const { cert, key } = await authority.client(commonName);
  const status = { clientCertificateData: cert, clientKeyData: key };
  return JSON.stringify({ kind: 'ExecCredential', apiVersion: V1, status });
}
