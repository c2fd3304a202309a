import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/cli/program.ts';

const parse = (...argv: string[]) => parseCommandLine(argv, '1.2.3', '/bin/zsh');

const DEFAULTS = {
  command: ['/bin/zsh'],
  verbosity: 0,
  contexts: [],
  demo: false,
  namespaces: [],
  allNamespaces: false,
  picks: [],
  aliases: [],
  waits: [],
  cidr: '10.0.1.0/24',
  cidr6: 'fd6b:6e73::/64',
  clusterDomain: 'cluster.local',
  apiServer: true,
  link: 'auto',
  files: { mounts: [] },
  privilege: { nestedUserNamespaces: true },
  fds: [],
  hideKubeconfig: false,
  rules: [],
  proxies: [],
  dryRun: false,
  publish: [],
  publishedTargets: [],
  hostPorts: [],
};

describe('command line', () => {
  test('without a command, the shell', () => {
    expect(parse()).toEqual(DEFAULTS);
    expect(parse('-n', 'e2e', '--').command).toEqual(['/bin/zsh']);
  });

  test('options end at the command: what follows is its own', () => {
    const line = parse('-n', 'e2e', 'ls', '-n', 'x', '--version', '--', '-v', '--cidr');
    expect(line.command).toEqual(['ls', '-n', 'x', '--version', '--', '-v', '--cidr']);
    expect(line.namespaces).toEqual([{ namespace: 'e2e' }]);
    expect(line.verbosity).toBe(0);
  });

  test('-- ends our options, and only the first one is ours', () => {
    expect(parse('--', '-x', '--', 'y').command).toEqual(['-x', '--', 'y']);
    expect(parse('-v', '--', 'sh', '-c', 'exit 7')).toMatchObject({
      command: ['sh', '-c', 'exit 7'],
      verbosity: 1,
    });
  });

  test('a command may have more arguments than a stack has frames', () => {
    const files = Array.from({ length: 200_000 }, (_, i) => `file-${i}`);
    const command = (...before: string[]) =>
      parseCommandLine([...before].concat(files), '1.2.3', '/bin/zsh').command;
    expect(command('-n', 'e2e', '--', 'wc')).toEqual(['wc', ...files]);
    expect(command('wc', '-n')).toEqual(['wc', '-n', ...files]);
  });

  test('nor are ten thousand rules too many', () => {
    const rules = Array.from({ length: 10_000 }, (_, i) => `host-${i}.example`);
    const line = parse(...rules.flatMap((rule) => ['--allow', rule]), 'ls', '-l');
    expect([line.rules.length, line.command]).toEqual([10_000, ['ls', '-l']]);
  });

  test('the clusters: contexts, and what is chosen of each', () => {
    const line = parse(
      '--kubeconfig',
      '/k',
      '--context',
      'a',
      '--context=b',
      '-n',
      'x',
      '--namespace=b/y',
      'ls',
    );
    expect(line).toEqual({
      ...DEFAULTS,
      command: ['ls'],
      kubeconfig: '/k',
      contexts: ['a', 'b'],
      namespaces: [{ namespace: 'x' }, { context: 'b', namespace: 'y' }],
    });
  });

  test('the Services: all, by label, or one by one', () => {
    expect(parse('-A', '-l', 'app=web,tier!=test', 'ls')).toMatchObject({
      allNamespaces: true,
      selector: 'app=web,tier!=test',
    });
    const line = parse(
      '--pick',
      'svc/web',
      '--pick=shop/deploy/api',
      '--alias',
      'x.test=svc/web',
      '--wait=svc/web',
      'ls',
    );
    expect(line).toMatchObject({
      picks: [
        { kind: 'Service', name: 'web' },
        { namespace: 'shop', kind: 'Deployment', name: 'api' },
      ],
      aliases: [{ name: 'x.test', target: { kind: 'Service', name: 'web' } }],
      waits: [{ target: { kind: 'Service', name: 'web' }, timeoutMs: 60_000 }],
    });
  });

  test('the network', () => {
    const line = parse(
      '--cidr=10.9.0.0/16',
      '--cidr6=fd00::/64',
      '--cluster-domain=K8s.test.',
      '--no-api-server',
      '--link=veth',
    );
    expect(line).toEqual({
      ...DEFAULTS,
      cidr: '10.9.0.0/16',
      cidr6: 'fd00::/64',
      clusterDomain: 'k8s.test',
      apiServer: false,
      link: 'veth',
    });
  });

  test('as whom, and how', () => {
    const options = '--cluster=c --user=u --token=t --as=a --as-group=g --as-group=h --as-uid=1';
    expect(
      parse(...options.split(' '), '--request-timeout=5s', '--transport=spdy', '--insecure-skip-tls-verify'),
    ).toMatchObject({
      cluster: 'c',
      user: 'u',
      token: 't',
      as: 'a',
      asGroups: ['g', 'h'],
      asUid: '1',
      requestTimeout: '5s',
      insecureSkipTlsVerify: true,
      transport: 'spdy',
    });
  });

  test('an empty value is none, as with kubectl', () => {
    const options = ['kubeconfig', 'context', 'cluster', 'user', 'token', 'as', 'as-uid', 'request-timeout'];
    expect(parse(...options.map((name) => `--${name}=`), 'ls')).toEqual({ ...DEFAULTS, command: ['ls'] });
    expect(parse('--context', 'a', '--context', '', '--token', 't').contexts).toEqual(['a']);
  });

  test.each(['--cluster', '--user', '--token'])('%s never goes to several contexts', (option) => {
    expect(() => parse('--context=a', '--context=b', option, 'x', 'ls')).toThrowError(
      expect.objectContaining({ code: 'LOGIN_FOR_SEVERAL' }),
    );
  });

  test('the files: mounts of all kinds, in the order in which they are given', () => {
    const { files } = parse(
      '--ro',
      '--tmpfs=/a',
      '--bind=/b',
      '--hide=/c',
      '--ro-bind',
      '/d:/e',
      '--private-tmp',
    );
    expect(files).toEqual({
      readOnly: true,
      privateTmp: true,
      mounts: [
        { kind: 'tmpfs', target: '/a' },
        { kind: 'bind', source: '/b', target: '/b' },
        { kind: 'hide', target: '/c' },
        { kind: 'ro-bind', source: '/d', target: '/e' },
      ],
    });
    expect(parse('--private-home', '--isolate').files).toEqual({
      privateHome: true,
      isolate: true,
      mounts: [],
    });
  });

  test('--no-kubeconfig hides the kubeconfig that is used, and goes with --kubeconfig', () => {
    expect(parse('--kubeconfig=/k', '--no-kubeconfig')).toMatchObject({
      kubeconfig: '/k',
      hideKubeconfig: true,
    });
  });

  test('what is published at ports of the host that differ', () => {
    const line = parse(
      ...['8080:80', '[::1]:8080:81', '8080:80/udp', '0:80', '0:80', 'auto'].map((ports) => `-p${ports}`),
    );
    expect(line.publish).toHaveLength(6);
  });

  test('the process', () => {
    expect(
      parse('--fd=3', '--fd=7', '--uid=0', '--gid=0', '--net-admin', '--no-nested-userns', '--share-pid'),
    ).toMatchObject({
      fds: [3, 7],
      privilege: { uid: 0, gid: 0, netAdmin: true, nestedUserNamespaces: false, sharePid: true },
    });
  });

  test('what is said', () => {
    expect(parse('-v', 'ls').verbosity).toBe(1);
    expect(parse('-vv', 'ls').verbosity).toBe(2);
  });

  test.each(['doctor', 'down', 'exec', 'help', 'list', 'logs', 'policy', 'up', 'version'])(
    '%s is kept, and -- is the escape',
    (name) => {
      expect(() => parse('-n', 'e2e', name, '-x')).toThrowError(
        expect.objectContaining({ code: 'SUBCOMMAND_RESERVED' }),
      );
      expect(parse('-n', 'e2e', '--', name, '-x').command).toEqual([name, '-x']);
      expect(parse('sh', name).command).toEqual(['sh', name]);
    },
  );

  test.each(['', '/b', 'a/', '..', 'E2E', 'a,b', '-x', 'x'.repeat(64)])(
    'no namespace is called %j',
    (name) => {
      expect(() => parse('-n', name, 'ls')).toThrowError(
        expect.objectContaining({ code: 'NAMESPACE_INVALID' }),
      );
    },
  );

  test.each([
    [['--uid', 'root'], 'NUMBER_INVALID'],
    [['--fd', '-1'], 'NUMBER_INVALID'],
    [['--uid', '2147483648'], 'NUMBER_INVALID'],
    [['-p', '8080:80', '-p', '8080:81'], 'PUBLISH_INVALID'],
    [['-p', '8080:80', '-p', '127.0.0.1:8080:svc/web'], 'PUBLISH_INVALID'],
    [['-p', '53-55:53-55/udp', '-p', '54/udp'], 'PUBLISH_INVALID'],
    [['--bind', ''], 'MOUNT_INVALID'],
    [['--ro-bind', ':/x'], 'MOUNT_INVALID'],
    [['--tmpfs', ''], 'MOUNT_INVALID'],
    [['--hide='], 'MOUNT_INVALID'],
    [['--wait', 'svc/web=soon'], 'DURATION_INVALID'],
    [['--cluster-domain', '..'], 'CLUSTER_DOMAIN_INVALID'],
    [['--demo', '--context', 'x'], 'COMMAND_LINE_INVALID'],
    [['-A', '-n', 'x'], 'COMMAND_LINE_INVALID'],
    [['-A', '--pick', 'svc/web'], 'COMMAND_LINE_INVALID'],
    [['-l', 'a=b', '--pick', 'svc/web'], 'COMMAND_LINE_INVALID'],
  ])('%j makes no sense: %s', (argv, code) => {
    expect(() => parse(...argv, 'ls')).toThrowError(expect.objectContaining({ code }));
  });

  test.each([
    [
      ['--transport', 'quic', 'ls'],
      "option '--transport <name>' argument 'quic' is invalid. Allowed choices are spdy, spdy-websocket, websocket",
    ],
    [['--nonsense', 'ls'], "unknown option '--nonsense'"],
    [['--lnk', 'ls'], "unknown option '--lnk' (did you mean --link?)"],
    [['-n'], "option '-n, --namespace <namespace>' argument missing"],
  ])('%j can not be read: %s', (argv, message) => {
    expect(() => parse(...argv)).toThrowError(
      expect.objectContaining({
        code: 'COMMAND_LINE_INVALID',
        message,
        remedy: 'kns-rootless --help shows the options',
      }),
    );
  });

  test.each([
    [['--version'], 'commander.version'],
    [['--help'], 'commander.helpDisplayed'],
  ])('%j ends the parsing: %s', (argv, code) => {
    expect(() => parse(...argv)).toThrowError(expect.objectContaining({ code }));
  });
});
