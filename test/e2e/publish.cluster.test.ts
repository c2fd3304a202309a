/** Servers of the sandbox met on the host, and of the host in the sandbox, by the programs that people use. */

import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { until } from '../support/until.ts';
import { RuntimeDirectory } from './runtime-directory.ts';

const run = promisify(execFile);

/** Not in most containers, where every port is for everybody. */
const LOW_PORTS_ARE_PRIVILEGED =
  Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) > 81;

let runtime: RuntimeDirectory;
let folder: string;
const servings: Serving[] = [];

beforeEach(() => {
  runtime = new RuntimeDirectory();
  folder = mkdtempSync(join(tmpdir(), 'kns-publish-'));
  const { uid, gid } = ordinaryUser();
  chownSync(folder, uid, gid);
});
afterEach(async () => {
  for (const serving of servings.splice(0)) await serving.stop();
  runtime.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A web server that says its name and whom it sees; it prints its port once it listens, and goes on until it is ended. */
const web = (name: string, port: number, host?: string) => [
  process.execPath,
  '-e',
  `require('http').createServer((request, response) => response.end('${name} sees ' + request.socket.remoteAddress + '\\n'))
    .listen(${port}, ${JSON.stringify(host)}, function () { console.log('port ' + this.address().port); })`,
];

/** A port of 127.0.0.1 that is free at the moment. */
async function free(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the program with a command, and waits for what both say. */
async function started(
  args: readonly string[],
  ...said: RegExp[]
): Promise<{ child: ChildProcess; lines: string[] }> {
  const child = runtime.start(['-n', 'e2e', ...args]);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface(stream).on('line', (line) => lines.push(line));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it has ended: ${lines.join('\n')}`);
    return said.every((one) => lines.some((line) => one.test(line)));
  });
  return { child, lines };
}

const get = async (url: string): Promise<string> =>
  (await run('curl', ['-sS', '-m', '10', url])).stdout.trim();

const portIn = (lines: readonly string[], pattern: RegExp): number => {
  const [, port] = lines.map((line) => pattern.exec(line)).find((match) => match !== null) ?? [];
  return Number(port);
};

describe('publish', () => {
  test('two sandboxes with a server on 0.0.0.0:80 each, both published', async () => {
    const [one, two] = [await free(), await free()];
    await started(['-p', `${one}:80`, '--', ...web('one', 80, '0.0.0.0')], /^port 80/);
    await started(['-p', `${two}:80`, '--', ...web('two', 80, '0.0.0.0')], /^port 80/);
    expect(await Promise.all([get(`http://127.0.0.1:${one}/`), get(`http://127.0.0.1:${two}/`)])).toEqual([
      'one sees 127.0.0.1',
      'two sees 127.0.0.1',
    ]);
  });

  test.each(['127.0.0.1', '::1'])(
    'a free port for a server on %s alone, isolated from the rest',
    async (host) => {
      const confined = [
        '--isolate',
        '--private-home',
        '--no-api-server',
        '--egress',
        'deny',
        '--link',
        'veth',
      ];
      const { lines } = await started(
        [...confined, '-p', '0:8080', '--', ...web('it', 8080, host)],
        /^port 8080/,
      );
      const port = portIn(lines, /port 8080 is published at 127\.0\.0\.1:(\d+)/);
      expect(await get(`http://127.0.0.1:${port}/`)).toBe(`it sees ${host}`);
    },
  );

  test.runIf(LOW_PORTS_ARE_PRIVILEGED)(
    'auto: a port below 1024 gets another for an ordinary user, which a line says',
    async () => {
      const { lines } = await started(
        ['-p', 'auto', '--', ...web('low', 81)],
        /^port 81$/,
        /port 81 is published at/,
      );
      expect(lines.filter((line) => line.includes('published'))).toEqual([
        expect.stringMatching(
          /^kns-rootless: port 81 is published at 127\.0\.0\.1:\d+: 127\.0\.0\.1:81 of the host is not for ordinary users$/,
        ),
      ]);
      expect(await get(`http://127.0.0.1:${portIn(lines, /127\.0\.0\.1:(\d+): /)}/`)).toMatch(/^low sees/);
    },
  );

  test.each([
    ...(LOW_PORTS_ARE_PRIVILEGED ? [['80:80', 'HOST_PORT_PRIVILEGED']] : []),
    ['192.0.2.1:0:80', 'HOST_ADDRESS_UNKNOWN'],
    ['80:', 'PUBLISH_INVALID'],
  ])('-p %s: %s, and nothing is run', async (ports, code) => {
    const { stdout, stderr, ...result } = await runtime.run(['-n', 'e2e', '-p', ports, '--', 'echo', 'run']);
    expect({ ...result, stdout }).toMatchObject({ code: 125, stdout: '' });
    expect(stderr).toContain(`[${code}]: `);
    await runtime.allEnded();
  });

  test('HOST_PORT_TAKEN where another sandbox has it', async () => {
    const port = await free();
    await started(['-p', `${port}:80`, '--', ...web('one', 80)], /^port 80/);
    const { code, stderr } = await runtime.run(['-n', 'e2e', '-p', `${port}:80`, '--', 'true']);
    expect({ code, stderr }).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('[HOST_PORT_TAKEN]'),
    });
  });

  test('the last words of a command that ends with them are heard', async () => {
    const server = `require('net').createServer((socket) => {
      require('fs').writeSync(socket._handle.fd, Buffer.alloc(100_000, 'x'));
      process.exit();
    }).listen(80, () => console.log('port 80'))`;
    const { lines } = await started(['-p', '0:80', '--', process.execPath, '-e', server], /^port 80/);
    const socket = connect(portIn(lines, /127\.0\.0\.1:(\d+)/), '127.0.0.1');
    expect(await text(socket)).toHaveLength(100_000);
  });

  test('a sandbox that stays: list shows its ports, exec brings their servers', async () => {
    const port = await free();
    const opens = await free();
    const up = await runtime.run(['up', 'web', '-n', 'e2e', '-p', `${port}:80`, '-p', 'auto']);
    expect(up).toMatchObject({ code: 0, stderr: '' });
    const serve = (at: number) => runtime.start(['exec', 'web', '--', ...web('it', at)]);
    serve(80);
    serve(opens);
    await until(async () => (await get(`http://127.0.0.1:${opens}/`).catch(() => '')) !== '');
    await until(async () => (await get(`http://localhost:${port}/`).catch(() => '')) !== '');
    const [listed] = JSON.parse((await runtime.run(['list', '--json'])).stdout);
    expect(listed.published).toEqual([
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: port, port: 80 },
      { protocol: 'tcp', hostAddress: '::1', hostPort: port, port: 80 },
      { protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: opens, port: opens },
    ]);
    expect((await runtime.run(['list'])).stdout).toContain(`${port}:80,${opens}:${opens}\n`);
    await runtime.run(['down', 'web']);
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow('Failed to connect');
    await runtime.allEnded();
  });
});

/** What a script in the sandbox says of it by each of its names. */
const askAll = (port: number) =>
  ['127.0.0.1', '[::1]', 'localhost', 'host.kns.internal']
    .map((host) => `curl -sS -m 10 http://${host}:${port}/ 2>&1`)
    .join('; ');

async function serveOnHost(host: string): Promise<number> {
  const serving = await startServing(web('the host', 0, host));
  servings.push(serving);
  return portIn(serving.lines, /^port (\d+)/);
}

async function fifo(): Promise<string> {
  const path = join(folder, 'fifo');
  await run('mkfifo', ['-m', '666', path]);
  return path;
}

describe('host ports', () => {
  test.each(['127.0.0.1', '::1'])('a server on %s is met by each of its names', async (host) => {
    const port = await serveOnHost(host);
    const asks = ['sh', '-c', askAll(port)];
    const { stdout, stderr } = await runtime.run(['-n', 'e2e', '--host-port', String(port), '--', ...asks]);
    expect({ lines: new Set(stdout.trim().split('\n')), stderr }).toEqual({
      lines: new Set([`the host sees ${host}`]),
      stderr: '',
    });
  });

  test('off unless it is asked for', async () => {
    const port = await serveOnHost('127.0.0.1');
    const { stdout } = await runtime.run(['-n', 'e2e', '--host-port', '1', '--', 'sh', '-c', askAll(port)]);
    expect(stdout.trim().split('\n')).toEqual(
      Array.from({ length: 4 }, () => expect.stringContaining('Failed to connect')),
    );
    const none = await runtime.run(['-n', 'e2e', '--', 'getent', 'hosts', 'host.kns.internal']);
    expect(none).toMatchObject({ code: 2, stdout: '' });
  });

  test('all: what opens after the start is met, as with containers of a test', async () => {
    const asks =
      'echo ready; read -r port < "$0"; until curl -sS "http://127.0.0.1:$port/"; do sleep 0.1; done';
    const told = await fifo();
    const { child, lines } = await started(['--host-port', 'all', '--', 'sh', '-c', asks, told], /^ready/);
    const port = await serveOnHost('127.0.0.1');
    await run('sh', ['-c', `echo ${port} > '${told}'`]);
    await once(child, 'exit');
    expect(lines.at(-1)).toBe('the host sees 127.0.0.1');
  });

  test('the last words of a command that ends with them are heard', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const heard = once(server, 'connection').then(([socket]) => text(socket));
    const says = ['bash', '-c', `printf 'last words' > /dev/tcp/127.0.0.1/${port}`];
    await runtime.run(['-n', 'e2e', '--host-port', String(port), '--', ...says]);
    expect(await heard).toBe('last words');
    server.close();
  });

  test('a port that is published is the sandbox’s own, and the host’s is at its name', async () => {
    const port = await serveOnHost('127.0.0.1');
    await runtime.run(['up', 'own', '-n', 'e2e', '-p', `0:${port}`, '--host-port', String(port)]);
    const own = runtime.start(['exec', 'own', '--', ...web('it', port)]);
    if (own.stdout !== null) await once(createInterface({ input: own.stdout }), 'line');
    const { stdout } = await runtime.run(['exec', 'own', '--', 'sh', '-c', askAll(port)]);
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['it', 'it', 'it', 'the', '']);
    await runtime.run(['down', 'own']);
  });
});

/** Debian keeps those of each version in a folder of its own. */
const POSTGRES = ['/usr/local/bin', '/usr/bin', ...debianFolders()].find((path) =>
  existsSync(join(path, 'initdb')),
);

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql';
  return existsSync(root) ? readdirSync(root).map((version) => join(root, version, 'bin')) : [];
}

describe.runIf(POSTGRES !== undefined)('PostgreSQL', () => {
  const bin = POSTGRES ?? '';
  const initdb = (data: string) => [join(bin, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-N'];
  const postgres = (data: string, port: number) => [
    join(bin, 'postgres'),
    '-D',
    data,
    '-k',
    '',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-c',
    'fsync=off',
  ];
  const COPY = [
    "select length(string_agg(repeat('x', 1000), '')) from generate_series(1, 5000)",
    'create table numbers (n int)',
    "\\copy numbers from program 'seq 100000'",
    'select sum(n) from numbers',
  ];
  const psql = (port: number) => [
    'psql',
    '-U',
    'postgres',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-At',
    ...COPY.flatMap((one) => ['-c', one]),
  ];
  const ANSWERS = ['5000000', 'CREATE TABLE', 'COPY 100000', '5000050000', ''].join('\n');

  test('one in the sandbox, on its own loopback, is asked from the host', async () => {
    const data = join(folder, 'data');
    const server = [
      'sh',
      '-c',
      `${initdb(data).join(' ')} && exec ${postgres(data, 5432)
        .map((word) => `'${word}'`)
        .join(' ')}`,
    ];
    const { lines } = await started(['-p', '0:5432', '--', ...server], /ready to accept connections/);
    const port = portIn(lines, /port 5432 is published at 127\.0\.0\.1:(\d+)/);
    const [file = '', ...args] = psql(port);
    expect((await run(file, args)).stdout).toBe(ANSWERS);
  });

  test('one on the host is asked from the sandbox', async () => {
    const data = join(folder, 'data');
    const port = await free();
    const made = await startServing(initdb(data), { ready: /^Success/ });
    await made.stop();
    servings.push(await startServing(postgres(data, port), { ready: /ready to accept connections/ }));
    const { stdout, stderr } = await runtime.run([
      '-n',
      'e2e',
      '--host-port',
      String(port),
      '--',
      ...psql(port),
    ]);
    expect({ stdout, stderr }).toEqual({ stdout: ANSWERS, stderr: '' });
  });
});
