/** Services at ports of the host, as the host's own programs meet them; on the embedded cluster and on a real one. */

import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChangeableCluster, startChangeableCluster, TO_WEB } from '../support/changeable-cluster.ts';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { startServing } from '../support/serving.ts';
import { until } from '../support/until.ts';
import type { TcpResult, TcpTask } from './guest.ts';
import { RuntimeDirectory } from './runtime-directory.ts';

const run = promisify(execFile);

const LIMIT_MS = 150_000;
const MIB = 1 << 20;
/** Made by a steady flow while pods are replaced. */
const CONNECTIONS = 300;
const PAUSE_MS = 8;
/** Connections that pods are kept connected by come and go on their own. */
const FILES_OF_THE_POOL = 40;

let cluster: ChangeableCluster;
let runtime: RuntimeDirectory;

beforeAll(async () => {
  cluster = await startChangeableCluster();
}, LIMIT_MS);
afterAll(() => cluster.close(), LIMIT_MS);
beforeEach(() => {
  runtime = new RuntimeDirectory();
});
afterEach(() => runtime.remove());

const env = () => ({ KUBECONFIG: cluster.kubeconfig });

interface Standing {
  readonly child: ChildProcess;
  readonly stderr: string[];
  /** Of the host, in the order of the options. */
  readonly ports: readonly number[];
}

/** A sandbox with these published on free ports. */
async function standing(...published: string[]): Promise<Standing> {
  const options = published.flatMap((one) => ['-p', `127.0.0.1:0:${one}`]);
  const args = ['-v', '-n', cluster.namespace, '--name', 'it', ...options, '--', 'sleep', '1000'];
  const child = runtime.start(args, { env: env() });
  const stderr: string[] = [];
  if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => stderr.push(line));
  let ports: number[] = [];
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it has ended: ${stderr.join('\n')}`);
    const [listed] = JSON.parse((await runtime.run(['list', '--json'])).stdout);
    ports = (listed?.published ?? []).map(({ hostPort }: { hostPort: number }) => hostPort);
    return ports.length === published.length;
  });
  return { child, stderr, ports };
}

/** A guest program, on the host. */
async function guest(program: 'tcp' | 'transfer', ...args: string[]): Promise<string> {
  const { uid, gid } = ordinaryUser();
  const file = `${fromSetup('KNS_TEST_GUESTS')}/${program}.mjs`;
  return (await run(process.execPath, [file, ...args], { uid, gid, cwd: '/' })).stdout;
}

async function tcp(task: Omit<TcpTask, 'host'>): Promise<TcpResult[]> {
  return JSON.parse(await guest('tcp', JSON.stringify({ host: '127.0.0.1', ...task })));
}

async function get(port: number): Promise<string> {
  const [{ text: answer, error = answer }] = await tcp({ port, send: 'GET /healthz HTTP/1.0\r\n\r\n' });
  return error.endsWith('ok\n') ? 'ok' : error;
}

const opened = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
};

describe('bytes', () => {
  test('down, up and both ways, each compared', { timeout: LIMIT_MS }, async () => {
    const { ports } = await standing('svc/web');
    const size = String(32 * MIB);
    const url = `http://127.0.0.1:${ports[0]}`;
    const answers = await Promise.all([
      guest('transfer', 'down', `${url}/bytes?n=${size}`, size),
      guest('transfer', 'echo', `${url}/echo`, size),
      guest('transfer', 'up', `${url}/sink`, size),
    ]);
    expect(answers).toEqual([
      `${size} bytes as expected\n`,
      `${size} bytes as expected\n`,
      `${size} <nil>\n`,
    ]);
  });

  test('who half-closes gets the whole answer, and a FIN', { timeout: LIMIT_MS }, async () => {
    const { ports } = await standing('svc/multi:line');
    const [line] = await tcp({ port: ports[0] ?? 0, send: 'a\nb\n', end: true });
    expect(line.text).toMatch(/^1: a\n2: b\n/);
    expect(line).toMatchObject({ ended: true });
    expect(line.error).toBeUndefined();
  });

  test('a pod’s FIN and its reset are told apart, and one that speaks first is heard', async () => {
    const { ports } = await standing('pod/db-0:7005', 'pod/db-0:7006', 'pod/db-0:7004');
    const [fin = 0, reset = 0, banner = 0] = ports;
    expect(await tcp({ port: fin })).toMatchObject([{ text: 'half\n', ended: true }]);
    expect(await tcp({ port: reset, send: 'x' })).toMatchObject([{ error: 'ECONNRESET', ended: false }]);
    expect(await tcp({ port: banner, until: '\r\n' })).toMatchObject([{ text: '220 db-0\r\n' }]);
  });

  test('who does not read holds the pod up', { timeout: LIMIT_MS }, async () => {
    const { child, ports } = await standing('svc/multi:source');
    const resident = async () =>
      Number((await run('ps', ['-o', 'rss=', '-p', String(child.pid)])).stdout) * 1024;
    const before = await resident();
    const socket = await opened(ports[0] ?? 0);
    socket.pause().write(`${1 << 30}\n`);
    // No more comes when it has stayed the same for a second.
    let [bytes, since] = [0, 0];
    await until(async () => {
      const is = await resident();
      if (is !== bytes || socket.readableLength === 0) [bytes, since] = [is, performance.now()];
      return performance.now() - since > 1_000;
    });
    expect(bytes - before).toBeLessThan(128 * MIB);
    socket.destroy();
  });
});

describe('as pods come and go', () => {
  test('no connection fails where pods leave the Service before they end', {
    timeout: LIMIT_MS,
  }, async () => {
    const { ports } = await standing('svc/multi:echo');
    const file = `${fromSetup('KNS_TEST_GUESTS')}/steady.mjs`;
    const args = ['127.0.0.1', ports[0], 2, PAUSE_MS].map(String);
    await cluster.drainBeforeEnd();
    const steady = await startServing([process.execPath, file, ...args], { ready: /^working/ });
    await cluster.rollout();
    await cluster.rollout();
    await until(async () => steady.lines.some((line) => line.startsWith('made ')));
    await steady.stop();
    const { made, failed } = JSON.parse(steady.lines.at(-1) ?? '');
    expect(failed).toEqual({});
    expect(made).toBeGreaterThan(CONNECTIONS);
  });

  test(
    'a Service that is not there yet resets, answers when it comes, and resets when it has gone',
    async () => {
      const { stderr, ports } = await standing('svc/late');
      const [port = 0] = ports;
      expect(await get(port)).toBe('ECONNRESET');
      const told = `${cluster.namespace}/svc/late is not there yet: connections to it from the host are reset until it comes`;
      expect(stderr.filter((line) => line.includes(told))).toHaveLength(1);
      expect(stderr).toContain(`kns-rootless: ${cluster.namespace}/svc/late: it is not there`);
      await cluster.putService('late', TO_WEB);
      await until(async () => (await get(port)) === 'ok');
      await cluster.removeService('late');
      await until(async () => (await get(port)) === 'ECONNRESET');
    },
    LIMIT_MS,
  );
});

describe('clients of all kinds', () => {
  test('200 at once', { timeout: LIMIT_MS }, async () => {
    const { ports } = await standing('svc/multi:7');
    const task = { port: ports[0] ?? 0, send: 'hello', until: 'hello', count: 200, parallel: 200 };
    const answers = (await tcp(task)).map(({ text: answer }) => answer);
    expect(answers).toEqual(Array.from({ length: 200 }, () => 'hello'));
  });

  test('who connects and leaves, by FIN or by reset, leaves nothing behind', {
    timeout: LIMIT_MS,
  }, async () => {
    const { child, ports } = await standing('svc/web');
    const [port = 0] = ports;
    expect(await get(port)).toBe('ok');
    const files = () => readdirSync(`/proc/${child.pid}/fd`).length;
    const before = files();
    for (let i = 0; i < 300; i++) {
      const socket = await opened(port);
      if (i % 3 === 0) socket.write('GET /');
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await until(async () => files() <= before + FILES_OF_THE_POOL);
    expect(await get(port)).toBe('ok');
  });
});

describe('what is told, and the end', () => {
  test('list has what they lead to; with the sandbox they end, and connections are reset', async () => {
    const { child, stderr, ports } = await standing('svc/multi:echo', `${cluster.namespace}/svc/web`);
    const [echo = 0, web = 0] = ports;
    const names = [`${cluster.namespace}/svc/multi:echo`, `${cluster.namespace}/svc/web`];
    for (const [i, name] of names.entries())
      expect(stderr).toContain(`kns-rootless: ${name} is published at 127.0.0.1:${ports[i]}`);
    expect((await runtime.run(['list'])).stdout).toContain(`${echo}:${names[0]},${web}:${names[1]}\n`);
    const [listed] = JSON.parse((await runtime.run(['list', '--json'])).stdout);
    expect(listed.published).toEqual(
      names.map((target, i) => ({
        protocol: 'tcp',
        hostAddress: '127.0.0.1',
        hostPort: ports[i],
        target,
      })),
    );
    const socket = await opened(echo);
    socket.write('hello');
    await once(socket, 'data');
    const heard = once(socket, 'error');
    child.kill('SIGTERM');
    expect(await heard).toMatchObject([{ code: 'ECONNRESET' }]);
    await runtime.allEnded();
    expect(await get(echo)).toBe('ECONNREFUSED');
  });

  test('a sandbox that stays has them, until it goes down', async () => {
    const up = await runtime.run(['up', 'it', '-n', cluster.namespace, '-p', '0:svc/web'], { env: env() });
    expect(up.code).toBe(0);
    const port = Number(/published at 127\.0\.0\.1:(\d+)/.exec(up.stderr)?.[1]);
    expect(await get(port)).toBe('ok');
    await runtime.run(['down', 'it']);
    expect(await get(port)).toBe('ECONNREFUSED');
  });

  test('the sandbox’s own localhost has it by way of the host’s', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const ports = [
      '-p',
      `127.0.0.1:${port}:svc/web`,
      '--host-port',
      `5432:${port}`,
      '--host-port',
      String(port),
    ];
    const script = `curl -sS http://127.0.0.1:5432/healthz; curl -sS http://localhost:${port}/healthz`;
    const args = ['-n', cluster.namespace, ...ports, '--', 'sh', '-c', script];
    expect(await runtime.run(args, { env: env() })).toMatchObject({ stdout: 'ok\nok\n', stderr: '' });
  });

  test.each([
    [['-p', '0:svc/web:81'], /has no TCP port 81 \[PUBLISH_PORT_UNKNOWN\]: .*: 80/],
    [
      ['-p', '0:svc/multi'],
      /has several TCP ports \[PUBLISH_PORT_UNKNOWN\]: .*: 80 \(http\), 443 \(https\), 7 \(echo\)/,
    ],
    [['-p', '0:svc/web:80/udp'], /a port-forward carries TCP only \[PUBLISH_INVALID\]/],
    [['-p', '0:svc/web', '--deny', 'svc/web'], /denied by svc\/web \[PUBLISH_DENIED\]/],
    [['-p', '0:other/svc/web'], /\[PUBLISH_TARGET_UNSELECTED\]: .* -n other/],
    [['-p', '192.0.2.1:0:svc/web'], /\[HOST_ADDRESS_UNKNOWN\]/],
  ])('%j: nothing is run', async (options, said) => {
    const args = ['-n', cluster.namespace, ...options, '--', 'echo', 'run'];
    const { stderr, ...result } = await runtime.run(args, { env: env() });
    expect(result).toMatchObject({ code: 125, stdout: '' });
    expect(stderr).toMatch(said);
    await runtime.allEnded();
  });

  test('what is wrong with a Service that is waited for is told once it is there', async () => {
    const options = ['--wait', 'svc/later=60s', '-p', '0:svc/later:81'];
    const args = ['-n', cluster.namespace, ...options, '--', 'echo', 'run'];
    const running = runtime.run(args, { env: env() });
    await cluster.addService('later');
    expect(await running).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringMatching(/has no TCP port 81 \[PUBLISH_PORT_UNKNOWN\]/),
    });
    await cluster.removeService('later');
  });

  test('HOST_PORT_TAKEN', async () => {
    const { ports } = await standing('svc/web');
    const args = ['-n', cluster.namespace, '-p', `127.0.0.1:${ports[0]}:svc/web`, '--', 'true'];
    const { code, stderr } = await runtime.run(args, { env: env() });
    expect({ code, stderr }).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('[HOST_PORT_TAKEN]'),
    });
  });
});
