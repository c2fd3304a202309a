/**
 * The same kubeconfig for kubectl and for us: what each sends to a server that
 * writes it down, and what each takes a merged kubeconfig for.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type AccessOptions, loadAccess } from '../../../../src/cluster/access/access.ts';
import { ask, BARE_ENV } from './ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from './authority.ts';
import { recordingServer } from './recording-server.ts';
import { Scratch } from './scratch.ts';
import { kubectlIsInstalled } from '../../../support/kubectl.ts';

const run = promisify(execFile);

let authority: Authority;
let serverPair: Pair;
let clientPair: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  [serverPair, clientPair] = await Promise.all([
    authority.server(['127.0.0.1', 'api.test']),
    authority.client('jane'),
  ]);
});

interface Case {
  readonly user?: object;
  readonly cluster?: object;
  readonly flags?: readonly string[];
  readonly options?: AccessOptions;
}

const PLUGIN = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: './bin/plugin',
  args: ['from-plugin'],
  interactiveMode: 'Never',
};

const PLUGIN_SCRIPT = `#!/bin/sh
printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info"
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$1$SUFFIX'"}}'
`;

/** The files that the cases name, and a kubeconfig beside them. */
function files(url: string, { user = {}, cluster = {} }: Case): { scratch: Scratch; kubeconfig: string } {
  const scratch = new Scratch();
  scratch.write('token', 'from-file\n');
  scratch.write('cert.pem', clientPair.cert);
  scratch.write('key.pem', clientPair.key);
  scratch.write('ca.pem', authority.ca);
  scratch.write('bin/plugin', PLUGIN_SCRIPT, 0o755);
  const kubeconfig = scratch.write(
    'config',
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: { server: url, 'certificate-authority-data': base64(authority.ca), ...cluster },
        },
        { name: 'other', cluster: { server: `${url}/other`, 'certificate-authority': 'ca.pem' } },
      ],
      users: [
        { name: 'u', user },
        { name: 'second', user: { token: 'of-second' } },
      ],
      contexts: [
        { name: 'x', context: { cluster: 'c', user: 'u' } },
        { name: 'y', context: { cluster: 'other', user: 'second' } },
        { name: 'bare', context: {} },
      ],
      'current-context': 'x',
    }),
  );
  return { scratch, kubeconfig };
}

/** kubectl keeps a cache in the home directory, which no test leaves behind. */
const kubectlEnv = (): NodeJS.ProcessEnv => ({ ...BARE_ENV, HOME: new Scratch().path });

async function kubectl(kubeconfig: string, ...args: string[]): Promise<string> {
  const running = run('kubectl', ['--kubeconfig', kubeconfig, ...args], { env: kubectlEnv() });
  running.child.stdin?.end(); // it asks for a name where the kubeconfig has no credentials
  return (await running).stdout;
}

describe.runIf(kubectlIsInstalled())('sends what kubectl sends:', () => {
  test.each<[string, Case]>([
    ['a token', { user: { token: 't' } }],
    ['a token file, ahead of a token', { user: { token: 't', tokenFile: 'token' } }],
    [
      '--token, ahead of the token',
      { user: { token: 't' }, flags: ['--token=cli'], options: { token: 'cli' } },
    ],
    [
      '--token, behind a token file',
      { user: { tokenFile: 'token' }, flags: ['--token=cli'], options: { token: 'cli' } },
    ],
    ['name and password', { user: { username: 'jané', password: 'a:b' } }],
    [
      'a client certificate in files',
      { user: { 'client-certificate': 'cert.pem', 'client-key': 'key.pem' } },
    ],
    ['an authority in a file', { user: { token: 't' }, flags: ['--context=y'], options: { context: 'y' } }],
    ['--cluster', { user: { token: 't' }, flags: ['--cluster=other'], options: { cluster: 'other' } }],
    ['--user', { user: { token: 't' }, flags: ['--user=second'], options: { user: 'second' } }],
    [
      '--cluster and --user for a context that has neither',
      {
        flags: ['--context=bare', '--cluster=other', '--user=second'],
        options: { context: 'bare', cluster: 'other', user: 'second' },
      },
    ],
    ['a path prefix with a slash', { user: { token: 't' }, cluster: { server: 'PREFIX/k8s/clusters/c-1/' } }],
    ['another server name', { user: { token: 't' }, cluster: { 'tls-server-name': 'api.test' } }],
    [
      'no verification',
      {
        user: { token: 't' },
        cluster: { 'certificate-authority-data': '', 'insecure-skip-tls-verify': true },
      },
    ],
    [
      'impersonation by the kubeconfig',
      {
        user: {
          token: 't',
          as: 'jane',
          'as-uid': '7',
          'as-groups': ['g1', 'g2'],
          'as-user-extra': { 'scopes/Ä b': ['view', 'edit'] },
        },
      },
    ],
    ['--as alone', { user: { token: 't' }, flags: ['--as=bob'], options: { as: 'bob' } }],
    [
      '--as keeps the groups of the kubeconfig',
      { user: { token: 't', as: 'jane', 'as-groups': ['g'] }, flags: ['--as=bob'], options: { as: 'bob' } },
    ],
    [
      '--as-group and --as-uid take their place',
      {
        user: { token: 't', as: 'jane', 'as-groups': ['g'], 'as-uid': '7' },
        flags: ['--as-group=h', '--as-group=i', '--as-uid=8'],
        options: { asGroups: ['h', 'i'], asUid: '8' },
      },
    ],
    [
      'a plugin beside the kubeconfig, with its environment',
      { user: { exec: { ...PLUGIN, env: [{ name: 'SUFFIX', value: '-x' }] } } },
    ],
    ['a token instead of a plugin', { user: { token: 't', exec: PLUGIN } }],
    [
      '--token instead of a plugin',
      { user: { exec: PLUGIN }, flags: ['--token=cli'], options: { token: 'cli' } },
    ],
    ['a password instead of a plugin', { user: { username: 'a', password: 'b', exec: PLUGIN } }],
    [
      'a certificate instead of a plugin',
      { user: { 'client-certificate': 'cert.pem', 'client-key': 'key.pem', exec: PLUGIN } },
    ],
    [
      'a token instead of an auth-provider',
      {
        user: {
          token: 't',
          'auth-provider': {
            name: 'oidc',
            config: { 'client-id': 'c', 'idp-issuer-url': 'https://127.0.0.1:1' },
          },
        },
      },
    ],
  ])('%s', async (_name, given) => {
    const server = await recordingServer(authority, serverPair);
    const cluster = JSON.parse(JSON.stringify(given.cluster ?? {}).replace('PREFIX', server.url)) as object;
    const { kubeconfig } = files(server.url, { ...given, cluster });
    await kubectl(kubeconfig, ...(given.flags ?? []), 'version');
    const theirs = server.requests.at(-1);
    expect(theirs).toBeDefined();
    server.requests.length = 0;
    expect(await ask({ kubeconfig, ...given.options })).toMatchObject({ status: 200 });
    const { path, identity, commonName, servername } = server.requests[0] ?? {};
    expect({ path, identity, commonName, servername }).toEqual({
      path: theirs?.path,
      identity: theirs?.identity,
      commonName: theirs?.commonName,
      servername: theirs?.servername,
    });
  });

  test('to a plugin: what it is told of the cluster', async () => {
    const server = await recordingServer(authority, serverPair);
    const { scratch, kubeconfig } = files(server.url, {
      user: { exec: { ...PLUGIN, provideClusterInfo: true } },
      cluster: {
        server: `${server.url}/prefix/`,
        'tls-server-name': 'api.test',
        extensions: [
          {
            name: 'client.authentication.k8s.io/exec',
            extension: { audience: 'a', depth: 2, deep: [true, null] },
          },
        ],
      },
    });
    const told = async (): Promise<unknown> =>
      JSON.parse((await run('cat', [join(scratch.path, 'bin/info')])).stdout);
    await kubectl(kubeconfig, 'version');
    const theirs = await told();
    await ask({ kubeconfig });
    expect(await told()).toEqual(theirs);
  });
});

const cert = () => base64(clientPair.cert);
const key = () => base64(clientPair.key);

describe.runIf(kubectlIsInstalled())('refuses what kubectl refuses:', () => {
  test.each<[string, () => Case, RegExp]>([
    [
      'a token and a password',
      () => ({ user: { token: 't', username: 'a', password: 'b' } }),
      /both a token/,
    ],
    [
      'a certificate without its key',
      () => ({ user: { 'client-certificate-data': cert() } }),
      /without its key/,
    ],
    [
      'a certificate twice',
      () => ({
        user: {
          'client-certificate': 'cert.pem',
          'client-certificate-data': cert(),
          'client-key-data': key(),
        },
      }),
      /both client-certificate and/,
    ],
    [
      'an authority twice',
      () => ({ cluster: { 'certificate-authority': 'ca.pem' } }),
      /both certificate-authority and/,
    ],
    [
      'an authority, and no verification',
      () => ({ user: { token: 't' }, cluster: { 'insecure-skip-tls-verify': true } }),
      /makes it void/,
    ],
    [
      'an authority that is no file',
      () => ({ cluster: { 'certificate-authority': 'no.pem', 'certificate-authority-data': '' } }),
      /cannot be read: ENOENT/,
    ],
    [
      'an authority that is no certificate',
      () => ({ user: { token: 't' }, cluster: { 'certificate-authority-data': base64('hello') } }),
      /certificate authority of cluster "c" is no PEM/,
    ],
    ['groups of nobody', () => ({ user: { token: 't', 'as-groups': ['g'] } }), /without a name/],
    [
      'a plugin without a version',
      () => ({ user: { exec: { ...PLUGIN, apiVersion: '' } } }),
      /apiVersion ""/,
    ],
    [
      'a plugin of a version that is gone',
      () => ({ user: { exec: { ...PLUGIN, apiVersion: 'client.authentication.k8s.io/v1alpha1' } } }),
      /v1alpha1/,
    ],
    [
      'a plugin without a mode',
      () => ({ user: { exec: { ...PLUGIN, interactiveMode: '' } } }),
      /interactiveMode ""/,
    ],
    ['a plugin without a command', () => ({ user: { exec: { ...PLUGIN, command: '' } } }), /no command/],
    [
      'a plugin that wants a terminal where there is none',
      () => ({ user: { exec: { ...PLUGIN, interactiveMode: 'Always' } } }),
      /wants a terminal/,
    ],
    ['the auth-provider gcp', () => ({ user: { 'auth-provider': { name: 'gcp' } } }), /has removed/],
    ['an unknown auth-provider', () => ({ user: { 'auth-provider': { name: 'x' } } }), /does not know/],
    [
      'a proxy of another kind',
      () => ({ user: { token: 't' }, cluster: { 'proxy-url': 'ftp://x' } }),
      /no http, https/,
    ],
    ['an unknown --cluster', () => ({ flags: ['--cluster=z'], options: { cluster: 'z' } }), /no cluster "z"/],
    ['an unknown --user', () => ({ flags: ['--user=z'], options: { user: 'z' } }), /no user "z"/],
    ['an unknown --context', () => ({ flags: ['--context=z'], options: { context: 'z' } }), /no context "z"/],
    [
      'a time that is none',
      () => ({ user: { token: 't' }, flags: ['--request-timeout=5 s'], options: { requestTimeout: '5 s' } }),
      /no time for a request/,
    ],
  ])('%s', async (_name, make, says) => {
    const given = make();
    const server = await recordingServer(authority, serverPair);
    const { kubeconfig } = files(server.url, given);
    await expect(kubectl(kubeconfig, ...(given.flags ?? []), 'version')).rejects.toThrow();
    const error: unknown = await ask({ kubeconfig, ...given.options }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: expect.stringMatching(/^[A-Z_]+$/),
      remedy: expect.stringMatching(/./),
    });
    expect(String(error)).toMatch(says);
    expect(String(error)).not.toContain('\n');
    expect(server.requests).toEqual([]);
  });
});

const entry = (name: string, mark: string) => ({
  clusters: [{ name, cluster: { server: `https://${mark}.test`, 'certificate-authority': 'ca.pem' } }],
  users: [{ name, user: { tokenFile: `${mark}.token`, as: mark } }],
  contexts: [{ name, context: { cluster: name, user: name, namespace: mark } }],
});
const merge = (...parts: ReturnType<typeof entry>[]) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: parts.flatMap(({ clusters }) => clusters),
  users: parts.flatMap(({ users }) => users),
  contexts: parts.flatMap(({ contexts }) => contexts),
});

describe.runIf(kubectlIsInstalled())('takes merged kubeconfigs for what kubectl takes them for', () => {
  test.each([[undefined], ['a'], ['b'], ['c']])('context %s', async (context) => {
    const scratch = new Scratch();
    const list = [
      scratch.write('one/config', JSON.stringify(merge(entry('a', 'first')))),
      join(scratch.path, 'missing'),
      scratch.write(
        'two/config',
        JSON.stringify({ ...merge(entry('a', 'later'), entry('b', 'second')), 'current-context': 'b' }),
      ),
      scratch.write(
        'three/config',
        JSON.stringify({ ...merge(entry('b', 'last'), entry('c', 'third')), 'current-context': 'c' }),
      ),
      scratch.write('empty', ''),
    ];
    for (const folder of ['one', 'two', 'three']) scratch.write(`${folder}/ca.pem`, authority.ca);
    const env = { ...kubectlEnv(), KUBECONFIG: ['', ...list, list[0]].join(':') };
    const flags = context === undefined ? [] : ['--context', context];
    const { stdout } = await run('kubectl', [...flags, 'config', 'view', '--minify', '-o', 'json'], { env });
    const theirs = JSON.parse(stdout) as {
      'current-context': string;
      clusters: [{ cluster: { server: string } }];
      contexts: [{ context: { namespace: string; cluster: string } }];
      users: [{ user: { as: string } }];
    };
    const ours = await loadAccess(context === undefined ? {} : { context }, env);
    expect(ours).toMatchObject({
      contextName: theirs['current-context'],
      clusterName: theirs.contexts[0].context.cluster,
      namespace: theirs.contexts[0].context.namespace,
    });
    expect(ours.server.href).toBe(`${theirs.clusters[0].cluster.server}/`);
    const mark = theirs.users[0].user.as;
    const folder = { first: 'one', second: 'two', third: 'three' }[mark] ?? mark;
    scratch.write(`${folder}/${mark}.token`, mark);
    expect(await ours.authenticator.grant()).toMatchObject({
      headers: { Authorization: `Bearer ${mark}`, 'Impersonate-User': mark },
    });
  });
});
