/**
 * The doctor of the released program as an ordinary user: what it says of a
 * system and a cluster that are well, and of real failures, each made for real.
 */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority, base64 } from '../src/cluster/access/authority.ts';
import { Kubeconfigs } from '../support/kubeconfig.ts';
import { noneMarked } from '../support/processes.ts';
import { fromSetup, runProgram, type RunOptions } from '../support/program.ts';
import { namespaceFilter } from './namespace-filter.ts';

interface CheckResult {
  readonly id: string;
  readonly subject?: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  readonly code?: string;
  readonly remedy?: string;
  readonly notes?: readonly string[];
  readonly facts?: Readonly<Record<string, unknown>>;
}

const LIMIT_MS = 40_000;
/** What shows that nothing of a doctor's visit is left. */
let visits = 0;

let kubeconfigs: Kubeconfigs;
beforeAll(() => {
  kubeconfigs = new Kubeconfigs();
});
afterAll(() => kubeconfigs.remove());

class Visit {
  readonly code: number | null;
  readonly checks: readonly CheckResult[];

  private constructor(code: number | null, checks: readonly CheckResult[]) {
    this.code = code;
    this.checks = checks;
  }

  static async pay(args: readonly string[], options: RunOptions = {}): Promise<Visit> {
    const mark = `doctor-${process.pid}-${visits++}`;
    const env = { ...options.env, KNS_TEST_MARK: mark };
    const result = await runProgram(['doctor', '--json', ...args], { timeoutMs: LIMIT_MS, ...options, env });
    expect(result.stderr).toBe('');
    await noneMarked(`KNS_TEST_MARK=${mark}`);
    const { works, checks }: { works: boolean; checks: CheckResult[] } = JSON.parse(result.stdout);
    expect(result.code).toBe(works ? 0 : 1);
    return new Visit(result.code, checks);
  }

  get(id: string): CheckResult | undefined {
    return this.checks.find((check) => check.id === id);
  }

  get failed(): readonly string[] {
    return this.checks.filter(({ status }) => status === 'failed').map(({ id }) => id);
  }
}

/** Runs the program in user and mount namespaces in which this script has been run as root. */
const unshared = (script: string) => ({
  prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', `${script} && exec "$@"`, 'sh'],
});

const ofForwarder = () => ({ KUBECONFIG: fromSetup('KNS_TEST_FORWARDER_KUBECONFIG') });

/** Options that name a kubeconfig of its own. */
function file(name: string, change: Parameters<Kubeconfigs['write']>[1]): string[] {
  return ['--kubeconfig', kubeconfigs.write(name, change)];
}

test('takes the options of a run', async () => {
  const options = [
    '-p',
    '0:8080',
    '--egress',
    'deny',
    '--allow',
    '192.0.2.1',
    '--ro',
    '--cluster-domain',
    'x.test',
  ];
  const visit = await Visit.pay(['-n', 'e2e', '--pick', 'svc/web', ...options]);
  expect(visit.failed).toEqual([]);
  expect(visit.get('services')?.facts).toMatchObject({ services: 1 });
});

test('a pick that is not there', async () => {
  const visit = await Visit.pay(['-n', 'e2e', '--pick', 'deploy/wep']);
  expect(visit.get('services')).toMatchObject({ status: 'failed', code: 'PICK_UNKNOWN' });
});

test('aliases, waits and published Services that are there', async () => {
  const named = ['--alias', 'a.example=svc/web', '--wait', 'svc/multi', '-p', '0:svc/web:80'];
  const visit = await Visit.pay(['-n', 'e2e', ...named]);
  expect(visit.get('targets')).toMatchObject({ status: 'ok', message: '3 found' });
});

test.each([
  ['what an alias stands for', ['--alias', 'a.example=svc/wep'], 'ALIAS_TARGET_UNKNOWN', 'no svc/wep'],
  [
    'an alias that is given twice',
    ['--alias', 'a.example=svc/web', '--alias', 'a.example=svc/multi'],
    'ALIAS_TWICE',
    'twice',
  ],
  ['a port to publish', ['-p', '0:svc/web:81'], 'PUBLISH_PORT_UNKNOWN', 'no TCP port 81'],
  ['a Service of elsewhere', ['-p', '0:other/svc/web'], 'PUBLISH_TARGET_UNSELECTED', 'other/svc/web'],
])('what can never be met: %s', async (_what, named, code, message) => {
  const run = await runProgram(['-n', 'e2e', ...named, '--', 'true']);
  expect(run).toMatchObject({ code: 125, stderr: expect.stringContaining(`[${code}]`) });
  const visit = await Visit.pay(['-n', 'e2e', ...named]);
  expect(visit.get('targets')).toMatchObject({
    status: 'failed',
    code,
    message: expect.stringContaining(message),
  });
  expect(visit.failed).toEqual(['targets']);
});

test('what may still come is a warning, and an alias of it none', async () => {
  const named = ['--wait', 'svc/later', '--alias', 'a.example=svc/later', '-p', '0:svc/missing'];
  const visit = await Visit.pay(['-n', 'e2e', ...named]);
  expect(visit.failed).toEqual([]);
  expect(visit.get('targets')).toMatchObject({
    status: 'warning',
    message: '--wait: e2e/svc/later is not there yet; -p: e2e/svc/missing is not there yet',
  });
});

test('a pick that the account may not see', async () => {
  const visit = await Visit.pay(['-n', 'e2e', '--pick', 'deploy/web'], { env: ofForwarder() });
  expect(visit.get('rights')).toMatchObject({ status: 'failed', code: 'FORBIDDEN' });
});

test('all is well, and each check is documented', async () => {
  const visit = await Visit.pay(['-n', 'e2e']);
  expect(visit.checks.filter(({ status }) => status !== 'ok' && status !== 'warning')).toEqual([]);
  expect(visit.get('self-test')?.facts).toMatchObject({
    bytes: 8 * 1024 * 1024,
    addresses: [expect.stringMatching(/^10\.0\.1\./), expect.stringMatching(/^fd6b:6e73::/)],
  });
  expect(visit.get('transports')?.facts?.['works']).toContain('websocket');
  const text = readFileSync(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
  expect(visit.checks.map(({ id }) => id)).toEqual(documented);
});

test('lines for people: one a check, and a last word', async () => {
  const { code, stdout, stderr } = await runProgram(['doctor', '-n', 'e2e'], { timeoutMs: LIMIT_MS });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [text, summary] = stdout.split('\n\n');
  expect(summary).toMatch(/^A run would work.*\n$/);
  const lines = text.split('\n');
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(line).toMatch(/^(ok|warning) +[a-z-]+ +\S/);
});

describe('this system:', () => {
  test('no bubblewrap', async () => {
    const bin = join(kubeconfigs.folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const visit = await Visit.pay(['-n', 'e2e'], { env: { PATH: `${bin}:/nowhere` } });
    expect(visit.get('bubblewrap')).toMatchObject({
      status: 'failed',
      code: 'BWRAP_MISSING',
      remedy: expect.stringContaining('apt-get install bubblewrap'),
    });
    expect(visit.failed).toEqual(['bubblewrap']);
    expect(visit.get('self-test')).toMatchObject({ status: 'skipped', message: 'needs sandbox' });
    expect(visit.get('transports')).toMatchObject({ status: 'ok' });
  });

  test('no user namespaces, by sysctl', async () => {
    const visit = await Visit.pay(['-n', 'e2e'], unshared('echo 0 > /proc/sys/user/max_user_namespaces'));
    expect(visit.get('user-namespaces')).toMatchObject({
      status: 'failed',
      code: 'USERNS_DENIED',
      remedy: expect.stringContaining('sysctl -w user.max_user_namespaces'),
    });
    expect(visit.failed).toEqual(['user-namespaces']);
  });

  test('no user namespaces, by a seccomp filter as containers have it', async () => {
    const filter = join(kubeconfigs.folder, 'filter');
    writeFileSync(filter, namespaceFilter());
    const script = 'filter=$1; shift; exec bwrap --dev-bind / / --seccomp 9 "$@" 9<"$filter"';
    const visit = await Visit.pay(['-n', 'e2e'], { prefix: ['sh', '-c', script, 'sh', filter] });
    expect(visit.get('user-namespaces')).toMatchObject({
      status: 'failed',
      code: 'USERNS_DENIED',
      message: expect.stringContaining('seccomp filter'),
      remedy: expect.stringMatching(/seccomp=unconfined|seccompProfile|RestrictNamespaces/),
    });
  });

  test('ambient capabilities, which bubblewrap takes amiss, are in nobody’s way', async () => {
    const visit = await Visit.pay(['-n', 'e2e'], {
      prefix: ['unshare', '--user', '--map-current-user', '--keep-caps'],
    });
    expect(visit.failed).toEqual([]);
    expect(visit.get('self-test')).toMatchObject({ status: 'ok' });
  });

  test('a /proc of which parts are hidden, as in a container', async () => {
    const visit = await Visit.pay(['-n', 'e2e'], unshared('mount --bind /proc/sys /proc/sys'));
    expect(visit.get('proc')).toMatchObject({ status: 'failed', code: 'PROC_DENIED' });
    expect(visit.failed).toEqual(['proc']);
  });

  test('no /dev/net/tun: a veth pair does, unless a tun device is asked for', async () => {
    const hidden = { prefix: ['bwrap', '--dev-bind', '/', '/', '--tmpfs', '/dev/net'] };
    const any = await Visit.pay(['-n', 'e2e', '--link', 'auto'], hidden);
    expect(any.get('sandbox')).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(/veth pair.*there is no \/dev\/net\/tun/),
      remedy: expect.stringMatching(/modprobe tun|--device \/dev\/net\/tun|CharDevice/),
    });
    expect(any.get('self-test')).toMatchObject({ status: 'ok', facts: { link: 'veth' } });
    const tun = await Visit.pay(['-n', 'e2e', '--link', 'tun'], hidden);
    expect(tun.get('sandbox')).toMatchObject({ status: 'failed', code: 'TUN_MISSING' });
    expect(tun.failed).toEqual(['sandbox']);
  });

  test('no native part of the release, and no compiler', async () => {
    const bin = join(kubeconfigs.folder, 'no-compiler');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    symlinkSync('/usr/bin/bwrap', join(bin, 'bwrap'));
    const prebuilt = join(fromSetup('KNS_TEST_PROGRAM'), '../../prebuilt');
    const visit = await Visit.pay(['-n', 'e2e'], {
      env: { PATH: bin },
      prefix: ['/usr/bin/bwrap', '--dev-bind', '/', '/', '--tmpfs', prebuilt],
    });
    expect(visit.get('native')).toMatchObject({ status: 'failed', code: 'NO_COMPILER' });
    expect(visit.failed).toEqual(['native']);
    expect(visit.get('self-test')).toMatchObject({ status: 'skipped' });
  });

  test('few open files: enough for a run, and not for many connections', async () => {
    const visit = await Visit.pay(['-n', 'e2e'], { prefix: ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh'] });
    expect(visit.get('limits')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('ulimit -Hn'),
    });
    expect(visit.failed).toEqual([]);
  });
});

describe('the cluster:', () => {
  test('an account with the least rights', async () => {
    const env = ofForwarder();
    const enough = await Visit.pay(['-n', 'e2e'], { env });
    expect(enough.failed).toEqual([]);
    expect(enough.get('rights')).toMatchObject({ status: 'ok' });
    expect(enough.get('namespaces')?.message).toContain('may not see');
    const elsewhere = await Visit.pay(['-n', 'default'], { env });
    expect(elsewhere.get('rights')).toMatchObject({
      status: 'failed',
      code: 'FORBIDDEN',
      message: expect.stringContaining('list services in namespace "default"'),
      notes: expect.arrayContaining(['metadata: {name: kns-rootless, namespace: default}']),
    });
    expect(elsewhere.failed).toEqual(['rights']);
  });

  test('several contexts: each has its lines', async () => {
    const kubeconfig = kubeconfigs.write('twice', (config) => {
      const [{ context }] = config.contexts;
      config.contexts = [
        { name: 'well', context },
        { name: 'ill', context: { ...context, user: 'nobody' } },
      ];
      config.users.push({ name: 'nobody', user: { token: 'expired' } });
    });
    const visit = await Visit.pay([
      '--kubeconfig',
      kubeconfig,
      '--context',
      'well',
      '--context',
      'ill',
      '-n',
      'e2e',
    ]);
    const told = visit.checks.filter(({ id }) => id === 'api-server' || id === 'services');
    expect(told.map(({ id, subject, status }) => `${id} ${subject} ${status}`)).toEqual([
      'api-server well ok',
      'services well ok',
      'api-server ill failed',
      'services ill skipped',
    ]);
  });

  test('a transport that is asked for is the only one tried', async () => {
    const visit = await Visit.pay(['-n', 'e2e', '--transport', 'websocket']);
    expect(visit.get('transports')?.facts?.['works']).toEqual(['websocket']);
  });
});

describe('an error of a run names the check that fails for the same reason:', () => {
  test.each<[string, string, () => Promise<{ args: string[]; options?: RunOptions }>]>([
    ['kubeconfig', 'a context that is not there', async () => ({ args: ['--context', 'nowhere'] })],
    ['kubeconfig', 'no kubeconfig', async () => ({ args: ['--kubeconfig', '/nowhere/config'] })],
    [
      'credentials',
      'a plugin that is not there',
      async () => ({
        args: file('plugin', (config) => {
          const exec = {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: 'kns-none',
            interactiveMode: 'Never',
          };
          for (const each of config.users) each.user = { exec };
        }),
      }),
    ],
    [
      'api-server',
      'a token that has expired',
      async () => ({
        args: file('expired', (config) => {
          for (const each of config.users) each.user = { token: 'expired' };
        }),
      }),
    ],
    [
      'api-server',
      'the wrong authority',
      async () => {
        const { ca } = await makeAuthority();
        return {
          args: file('wrong-ca', ({ clusters }) => {
            for (const { cluster } of clusters) cluster['certificate-authority-data'] = base64(ca);
          }),
        };
      },
    ],
    [
      'api-server',
      'nobody listens',
      async () => ({
        args: file('deaf', ({ clusters }) => {
          for (const { cluster } of clusters) cluster['server'] = 'https://127.0.0.1:1';
        }),
      }),
    ],
    ['namespaces', 'a namespace that is not there', async () => ({ args: ['-n', 'no-such-namespace'] })],
    [
      'rights',
      'a namespace without rights',
      async () => ({ args: ['-n', 'default'], options: { env: ofForwarder() } }),
    ],
    [
      'user-namespaces',
      'no user namespaces',
      async () => ({ args: [], options: unshared('echo 0 > /proc/sys/user/max_user_namespaces') }),
    ],
    [
      'sandbox',
      'no tun device',
      async () => ({ args: ['--link', 'tun'], options: unshared('mount -t tmpfs none /dev/net') }),
    ],
  ])('%s: %s', async (id, _name, prepare) => {
    const { args, options } = await prepare();
    const { code, stderr } = await runProgram([...args, '--', 'true'], options);
    expect(code).toBe(125);
    expect(stderr).toMatch(new RegExp(`^[^\\n]+ \\(kns-rootless doctor: ${id}\\)\\n$`));
    const visit = await Visit.pay(args, options);
    expect(visit.failed).toEqual([id]);
    if (id !== 'rights') expect(stderr).toContain(`[${visit.get(id)?.code}]`);
  });
});

test('options that make no sense are the doctor’s own failure', async () => {
  expect(await runProgram(['doctor', '--cidr', '10.0.1.0/33'])).toMatchObject({
    code: 125,
    stdout: '',
    stderr: expect.stringContaining('[CIDR_INVALID]'),
  });
  expect(await runProgram(['doctor', '-p', 'somewhere'])).toMatchObject({ code: 125, stdout: '' });
  expect(await runProgram(['-n', 'e2e', 'doctor'])).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('kns-rootless doctor …'),
  });
});
