/** What people run: package managers, git, HTTP and QUIC clients, database clients, iperf3; each with its real server. */

import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BIG_BYTES } from './far/http.ts';
import { FAR, Outside } from './outside.ts';
import { installed, pathOf } from './tools.ts';

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let outside: Outside;
beforeAll(async () => {
  outside = await Outside.start();
});
afterAll(() => outside.close());

/** A folder for a server's or a client's own files. */
function folder(name: string): string {
  const path = join(outside.folder, name);
  mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
}

test('npm installs from a registry', async () => {
  const project = folder('npm');
  const stdout = await outside.output(
    `cd ${project}
    npm install --silent --no-audit --no-fund --registry http://v4.example:4873 far-package
    node -p 'require("far-package")'`,
    { env: { npm_config_cache: join(project, 'cache'), npm_config_update_notifier: 'false' } },
  );
  expect(stdout).toBe('from the registry');
});

describe('git', () => {
  beforeAll(async () => {
    const daemon = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
    const repositories = `--base-path=${outside.folder}/far/git`;
    const options = ['--verbose', '--reuseaddr', '--export-all', '--enable=receive-pack', repositories];
    await outside.serve([daemon, ...options], { ready: /Ready to rumble/ });
  });

  test.each([
    'http://web.example:8081/far.git',
    `http://[${FAR[6]}]:8081/far.git`,
    'git://web.example/far.git',
  ])('clones %s, and pushes to it', async (url) => {
    const copy = join(outside.folder, `git-${url.replaceAll(/\W/g, '')}`);
    const branch = `from-${url.replaceAll(/\W/g, '')}`;
    const stdout = await outside.output(
      `git clone --quiet ${url} ${copy}
      cd ${copy}
      head -c 3000000 /dev/urandom > large
      git add large
      git -c user.name=inside -c user.email=inside@example.com commit --quiet --message=second
      git push --quiet origin HEAD:${branch}
      git ls-remote --heads origin ${branch} | cut -f 2`,
    );
    expect(stdout).toBe(`refs/heads/${branch}`);
  });
});

describe('curl', () => {
  test.each([
    ['HTTP/1.1', '--http1.1 http://web.example', '1.1'],
    ['HTTP/1.1 by TLS', '--http1.1 https://web.example', '1.1'],
    ['HTTP/2', '--http2-prior-knowledge http://web.example:8080', '2'],
    ['HTTP/2 by TLS', '--http2 https://web.example', '2'],
  ])('%s: a large answer, a large request, over both IP versions', async (_name, url, version) => {
    const script = ['-4', '-6'].map(
      (family) => `curl -sS ${family} --cacert ${outside.authority} ${url}/
      curl -sS ${family} --cacert ${outside.authority} ${url}/big | wc -c
      head -c 5000000 /dev/zero | curl -sS ${family} --cacert ${outside.authority} --data-binary @- ${url}/
      `,
    );
    const said = (
      await outside.output(script.map((part) => part.replaceAll('\n', '; echo\n')).join(''))
    ).split(/\s*\n\s*/);
    const each = [`HTTP/${version === '2' ? '2.0' : version}`, String(BIG_BYTES), 'had 5000000'];
    expect(said).toEqual([...each, ...each]);
  });

  test('requests at the same time, by one HTTP/2 connection and by many', async () => {
    const urls = Array.from({ length: 20 }, () => `https://web.example/big -o /dev/null`).join(' ');
    const write = '-w "%{http_code} %{size_download}\\n"';
    const curl = `curl -sS --parallel --cacert ${outside.authority} ${write}`;
    const stdout = await outside.output(`${curl} --http2 ${urls}; ${curl} --http1.1 ${urls}`);
    expect(stdout.split('\n')).toEqual(Array.from({ length: 40 }, () => `200 ${BIG_BYTES}`));
  });
});

describe.runIf(installed('iperf3'))('iperf3', () => {
  beforeAll(async () => {
    await outside.serve(['iperf3', '--server', '--forceflush'], { ready: /listening/ });
  });

  test.each([
    ['TCP', FAR[4], ''],
    ['TCP', FAR[6], ''],
    ['UDP', FAR[4], '--udp --bitrate 50M'],
    ['UDP', FAR[6], '--udp --bitrate 50M'],
  ])('%s both ways at once, %s', async (_name, far, options) => {
    const stdout = await outside.output(`iperf3 --client ${far} --json --time 1 --bidir ${options}`);
    const { end } = JSON.parse(stdout);
    for (const sum of [end.sum_received, end.sum_received_bidir_reverse]) {
      expect(sum.bytes).toBeGreaterThan(1 << 20);
      // Of datagrams at a moderate rate hardly any may be lost, on a busy machine.
      expect(sum.lost_percent ?? 0).toBeLessThan(20);
    }
  });
});

describe.runIf(installed('redis-server', 'redis-cli'))('redis', () => {
  beforeAll(async () => {
    const command = ['redis-server', '--save', '', '--bind', '*', '-::*', '--protected-mode', 'no'];
    await outside.serve(command, { cwd: folder('redis'), ready: /Ready to accept/ });
  });

  test('redis-cli: one by one, in a pipe, and a wait for what comes', async () => {
    const stdout = await outside.output(
      `redis-cli -h web.example set key value
      redis-cli -h ${FAR[6]} get key
      seq 20000 | sed 's/.*/SET n& &/' | redis-cli -h web.example --pipe | tail -1
      redis-cli -h web.example dbsize
      redis-cli -h web.example blpop jobs 10 & WAITER=$!
      redis-cli -h web.example rpush jobs hello > /dev/null
      wait $WAITER`,
    );
    expect(stdout.split('\n')).toEqual([
      'OK',
      'value',
      'errors: 0, replies: 20000',
      '20001',
      'jobs',
      'hello',
    ]);
  });
});

describe.runIf(installed('initdb', 'postgres', 'psql'))('PostgreSQL', () => {
  beforeAll(async () => {
    const data = join(folder('postgres'), 'data');
    await outside.serve([pathOf('initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-N'], {
      ready: /^Success/,
    });
    appendFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
    await outside.serve([pathOf('postgres'), '-D', data, '-k', '', '-h', '*', '-c', 'fsync=off'], {
      ready: /ready to accept connections/,
    });
  });

  test('psql: queries, a large result, a copy in, and a cancelled query', async () => {
    const psql = `psql -U postgres -h web.example -At`;
    const stdout = await outside.output(
      `${psql} -c 'select 6 * 7'
      ${psql} -c "select repeat('x', 1000) from generate_series(1, 5000)" | wc -c
      ${psql} -c 'create table numbers (n int)'
      seq 100000 | ${psql} -c 'copy numbers from stdin'
      psql -U postgres -h ${FAR[6]} -At -c 'select sum(n) from numbers'
      timeout -s INT 2 ${psql} -c 'select pg_sleep(60)' 2>&1 | grep -o 'canceling statement' || true`,
    );
    expect(stdout.split('\n')).toEqual([
      '42',
      String(1001 * 5000),
      'CREATE TABLE',
      'COPY 100000',
      '5000050000',
      'canceling statement',
    ]);
  });
});

describe.runIf(installed('gtlsclient', 'gtlsserver'))('QUIC', () => {
  test.each([FAR[4], FAR[6]])('HTTP/3 from %s', async (far) => {
    const site = folder(`quic-${far.length}`);
    writeFileSync(join(site, 'large'), Buffer.alloc(3_000_000));
    const port = far.includes(':') ? 4446 : 4444;
    const keys = ['far/key.pem', 'far/cert.pem'].map((name) => join(outside.folder, name));
    await outside.serve([pathOf('gtlsserver'), '--quiet', '-d', site, far, String(port), ...keys], {
      ready: /./,
    });
    const download = folder(`download-${far.length}`);
    await outside.output(
      `gtlsclient --quiet --exit-on-all-streams-close --download ${download} ${far} ${port} https://web.example:${port}/large`,
    );
    expect(readFileSync(join(download, 'large')).length).toBe(3_000_000);
  });
});
