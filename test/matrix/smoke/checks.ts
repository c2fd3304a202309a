/**
 * What is tried in each run: a little of everything that hangs on the kernel,
 * on bubblewrap or on what a container leaves. The suites of test/ look closely,
 * on one system; these look on many whether it works.
 *
 * A start takes long where the processor is emulated. So what can be asked from
 * inside is asked in one sandbox: each question is a line of shell, and its
 * answer stands behind its name.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { finish, LIMIT_MS, PATIENT, type Trial } from './trial.ts';

export interface Check {
  readonly name: string;
  run(trial: Trial): Promise<void>;
}

type Answers = Readonly<Record<string, { readonly ask: string; readonly expect: string | RegExp }>>;

const CURL = 'curl -sS --max-time 30';
const TRANSFER_BYTES = 1_000_000;
const NO_CAPABILITY = '0'.repeat(16);

/** A shell script that asks all of it, and the proof of what it printed. */
async function ask(trial: Trial, options: readonly string[], answers: Answers): Promise<void> {
  const names = Object.keys(answers);
  const script = names.map((name) => `echo "$(${answers[name]?.ask})"`).join('\n');
  const { code, stdout, stderr } = await trial.inside(script, options);
  const lines = stdout.split('\n');
  const wrong = names.flatMap((name, at) => {
    const expected = answers[name]?.expect ?? '';
    const isRight = expected instanceof RegExp ? expected.test(lines[at] ?? '') : lines[at] === expected;
    return isRight ? [] : [`${name}: "${lines[at]}"`];
  });
  assert.deepEqual({ code, wrong, stderr: stderr.trim() }, { code: 0, wrong: [], stderr: '' });
}

const CONFINED =
  '--isolate --ro --private-home --private-tmp --tmpfs /mnt --ro-bind /etc/hostname:/mnt/name ' +
  '--hide /etc/passwd --uid 0 --gid 0 --net-admin --no-nested-userns';

/** The network, and what a command is without any option. */
export const ON_EACH_LINK: Check = {
  name: 'Services, transfers both ways, names, interfaces, privileges',
  run: (trial) =>
    ask(trial, [], {
      'by IPv4': { ask: `${CURL} -4 http://web/healthz`, expect: 'ok' },
      download: {
        ask: `${CURL} "http://web/bytes?n=${TRANSFER_BYTES}" | wc -c`,
        expect: `${TRANSFER_BYTES}`,
      },
      upload: {
        ask: `head -c ${TRANSFER_BYTES} /dev/zero | ${CURL} --data-binary @- http://web/echo | wc -c`,
        expect: `${TRANSFER_BYTES}`,
      },
      names: { ask: 'getent ahostsv4 web.demo.svc.cluster.local | head -n 1', expect: /^10\.0\.1\.\d+ / },
      interfaces: { ask: 'echo $(ip -o link show up | cut -d: -f2 | cut -d@ -f1)', expect: 'lo kns0' },
      '/sys': { ask: 'echo $(ls /sys/class/net)', expect: 'kns0 lo' },
      capabilities: {
        ask: "echo $(sed -n 's/^Cap...:.//p' /proc/self/status)",
        expect: Array.from({ length: 5 }, () => NO_CAPABILITY).join(' '),
      },
      no_new_privs: { ask: "sed -n 's/^NoNewPrivs:.//p' /proc/self/status", expect: '1' },
      'no right over the interface': {
        ask: 'ip link set kns0 mtu 1400 2>/dev/null || echo no',
        expect: 'no',
      },
      'the first process': { ask: 'cat /proc/1/comm', expect: /^kns-/ },
    }),
};

export const ONCE: readonly Check[] = [
  {
    name: 'all that confines: --isolate, --ro, private directories, --hide, --uid 0, --net-admin, --no-nested-userns',
    run: (trial) =>
      ask(trial, CONFINED.split(' '), {
        'a Service': { ask: `${CURL} http://web/healthz`, expect: 'ok' },
        '--ro': { ask: 'touch /usr/x 2>/dev/null || echo no', expect: 'no' },
        '--private-home': { ask: 'touch "$HOME/x" && ls "$HOME"', expect: 'x' },
        '--private-tmp': { ask: 'touch /tmp/x && ls /tmp', expect: 'x' },
        '--tmpfs, --ro-bind': { ask: 'ls /mnt', expect: 'name' },
        '--hide': { ask: 'cat /etc/passwd 2>/dev/null || echo no', expect: 'no' },
        '--isolate': { ask: 'ls -A /run/user 2>/dev/null', expect: '' },
        '--uid, --gid': { ask: 'echo $(id -u) $(id -g)', expect: '0 0' },
        '--net-admin': { ask: 'ip link set kns0 mtu 1400 && cat /sys/class/net/kns0/mtu', expect: '1400' },
        '--no-nested-userns': { ask: 'unshare --user true 2>/dev/null || echo no', expect: 'no' },
      }),
  },
  {
    name: 'standard input, SIGTERM, exit code',
    run: async (trial) => {
      const script = 'trap "echo caught; exit 3" TERM; cat; while :; do sleep 0.05; done';
      const child = trial.start([...PATIENT, '--', 'sh', '-c', script]);
      child.stdout?.once('data', () => child.kill('SIGTERM'));
      const { code, stdout } = await finish(child, 'given\n');
      assert.deepEqual({ code, stdout }, { code: 3, stdout: 'given\ncaught\n' });
    },
  },
  {
    name: 'SIGKILL of the program ends all that runs inside',
    run: async (trial) => {
      // Whoever still lives in the sandbox keeps this pipe open.
      const child = trial.start([...PATIENT, '--', 'sh', '-c', 'sleep 1000 & echo up; exec sleep 1000']);
      child.stdout?.once('data', () => child.kill('SIGKILL'));
      await once(child, 'close', { signal: AbortSignal.timeout(LIMIT_MS) });
      assert.equal(child.signalCode, 'SIGKILL');
    },
  },
  {
    name: 'a terminal, with its size; --share-pid',
    run: async (trial) => {
      const { code, stdout } = await trial.atTerminal(
        `${PATIENT.join(' ')} --share-pid -- sh -c "stty size; readlink /proc/self/ns/pid"`,
      );
      assert.equal(code, 0, stdout);
      assert.match(stdout, /17 71/);
      assert.ok(stdout.includes(readlinkSync('/proc/self/ns/pid')), stdout);
    },
  },
  {
    name: 'up, exec, down',
    run: async (trial) => {
      const name = `matrix-${process.pid}`;
      const up = await trial.run(['up', name, ...PATIENT]);
      assert.equal(up.code, 0, up.stderr);
      try {
        const script = `${CURL} http://web/healthz; unshare --user true || exit 8; exit 7`;
        const { code, stdout, stderr } = await trial.run(['exec', name, '--', 'sh', '-c', script]);
        assert.deepEqual({ code, stdout: stdout.trim(), stderr }, { code: 7, stdout: 'ok', stderr: '' });
      } finally {
        assert.equal((await trial.run(['down', name])).code, 0);
      }
    },
  },
];
