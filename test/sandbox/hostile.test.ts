/** A program that means harm, and what it gets: nothing. And what it may where the user has asked for it. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PrivilegeOptions } from '../../sandbox/index.ts';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { type Hostile, outcomesOf, startHostile, succeeded } from './support/hostile.ts';
import { type Installation, installHost, type Outcome, runInSandbox } from './support/host.ts';

let installation: Installation;
let hostile: Hostile;

beforeAll(async () => {
  installation = await installHost();
  hostile = await startHostile(installation);
});
afterAll(() => {
  hostile.close();
  installation.remove();
});

/** What each attempt came to. */
async function attempts(privilege: PrivilegeOptions, ...words: string[]): Promise<Record<string, string>> {
  const { stdout, code } = await runInSandbox(installation, {
    command: hostile.command(...words),
    privilege,
  });
  expect(code).toBe(0);
  return outcomesOf(stdout);
}

const inside = (privilege: PrivilegeOptions, script: string): Promise<Outcome> =>
  runInSandbox(installation, { command: ['sh', '-c', script], privilege });

/** The sets of capabilities of proc(5), one line each. */
const CAPABILITIES = 'grep ^Cap /proc/self/status';

describe('a hostile program', () => {
  test('gets nothing', async () => {
    const outcomes = await attempts({});
    expect(Object.keys(outcomes).length).toBeGreaterThan(28);
    expect(succeeded(outcomes)).toEqual([]);
  });

  test('gets nothing by being root of a user namespace of its own', async () => {
    const outcomes = await attempts({}, 'nested');
    // The limit is that of its own namespace.
    expect(succeeded(outcomes)).toEqual(['nested user namespace', 'limit of namespaces']);
    // Locked where it is, not merely busy or missing.
    expect(outcomes['unmount /proc']).toBe('EINVAL');
    expect(outcomes['unmount /etc']).toBe('EINVAL');
    // By which the control groups of the user's other processes could be mounted, and written.
    expect(outcomes['own cgroup namespace']).toBe('ENOSPC');
  });

  test('gets no user namespace where these are denied', async () => {
    const outcomes = await attempts({ nestedUserNamespaces: false }, 'nested');
    expect(outcomes['nested user namespace']).toBe('ENOSPC');
    expect(succeeded(outcomes)).toEqual([]);
  });

  test.runIf(process.getuid?.() === 0)(
    'gets nothing when root starts it, but its own network’s settings',
    async () => {
      const command = hostile.command();
      const { stdout } = await runInSandbox(installation, { command, asRunner: true });
      expect(succeeded(outcomesOf(stdout))).toEqual(['sysctl of the network']);
    },
  );

  test('with --net-admin gets its own network, and nothing else', async () => {
    const outcomes = await attempts({ netAdmin: true });
    expect(succeeded(outcomes).toSorted()).toEqual([
      'kns0 down',
      'make a tun',
      'packet socket',
      'raw socket',
      'sysctl of the network',
    ]);
  });
});

describe('who the command is', () => {
  test('is as asked, inside alone; its files are the caller’s', async () => {
    const { uid } = ordinaryUser();
    const script = `id -u; id -g; ${CAPABILITIES}; f=$(mktemp) && stat -c %u $f; rm $f`;
    const { stdout } = await inside({ uid: 0, gid: 0 }, script);
    const [first, second, ...rest] = stdout.trim().split('\n');
    expect([first, second, rest.at(-1)]).toEqual(['0', '0', '0']);
    expect(rest.slice(0, -1).map((line) => line.split('\t')[1])).toEqual(
      Array.from({ length: 5 }, () => '0'.repeat(16)),
    );
    expect((await inside({ uid: 4321 }, 'id -u')).stdout).toBe('4321\n');
    expect((await inside({}, 'id -u')).stdout).toBe(`${uid}\n`);
  });

  test.each([{ uid: 0, gid: 0 }, {}])(
    'has CAP_NET_ADMIN and CAP_NET_RAW alone with --net-admin, as %j',
    async (ids) => {
      const { stdout } = await inside(
        { ...ids, netAdmin: true },
        `${CAPABILITIES}; ip link set kns0 mtu 1400 && echo set`,
      );
      const sets = stdout.trim().split('\n');
      expect(sets.pop()).toBe('set');
      for (const set of sets) expect(parseInt(set.split('\t')[1] ?? '', 16) & ~0x3000).toBe(0);
      expect(sets.find((set) => set.startsWith('CapEff'))).toMatch(/3000$/);
    },
  );
});

describe('shared pids', () => {
  test("the host's processes are seen, and what is left running stays", async () => {
    const { stdout } = await inside(
      { sharePid: true },
      `test -d /proc/${process.pid} && echo seen; setsid sleep 1000 >/dev/null 2>&1 & echo $!`,
    );
    const [seen, left] = stdout.trim().split('\n');
    expect(seen).toBe('seen');
    // Throws where there is no such process.
    process.kill(Number(left), 'SIGKILL');
  });

  test('the exit code is told the same, by a signal too', async () => {
    expect((await inside({ sharePid: true }, 'exit 6')).code).toBe(6);
    expect((await inside({ sharePid: true }, 'kill -TERM $$')).code).toBe(143);
  });
});
