/**
 * The smoke suite: `node smoke.mjs ORDER`, the order in JSON. It is one bundle
 * with the embedded cluster in it, needs nothing but Node, and runs as whoever
 * starts it, in a machine, a container, or here.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedCluster } from '../../../fixtures/cluster/index.ts';
import { ON_EACH_LINK, ONCE } from './checks.ts';
import { gatherFacts } from './facts.ts';
import { format, type Order, type Outcome } from './report.ts';
import { errorCode, Trial } from './trial.ts';

/** It stands beside this bundle. */
const program = join(import.meta.dirname, 'dist/kns-rootless');
const LINKS = ['tun', 'veth'] as const;

async function outcome(check: string, run: () => Promise<string | void>): Promise<Outcome> {
  const start = performance.now();
  const took = () => Math.round(performance.now() - start);
  try {
    const reason = await run();
    return { check, ok: true, ms: took(), ...(reason === undefined ? {} : { reason }) };
  } catch (error) {
    return { check, ok: false, ms: took(), reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Where a run is to be refused, one is: that is the whole of it. */
async function refusal(trial: Trial, expected: string): Promise<string> {
  const result = await trial.run(['--', 'true']);
  const code = errorCode(result);
  if (code === expected) return code;
  throw new Error(`${code ?? `exit code ${result.code}`} and not ${expected}: ${result.stderr.trim()}`);
}

async function tell(check: string, run: () => Promise<string | void>): Promise<void> {
  process.stdout.write(format({ kind: 'outcome', outcome: await outcome(check, run) }));
}

async function runAll({ scope, refused = {} }: Order, kubeconfig: string): Promise<void> {
  const any = new Trial(program, kubeconfig);
  const all = refused.any;
  if (all !== undefined) return tell('a run is refused', () => refusal(any, all));
  for (const link of LINKS) {
    const trial = new Trial(program, kubeconfig, link);
    const code = refused[link];
    if (code === undefined) await tell(`${link}: ${ON_EACH_LINK.name}`, () => ON_EACH_LINK.run(trial));
    else await tell(`${link} is refused`, () => refusal(trial, code));
  }
  if (scope === 'links') return;
  for (const check of ONCE) await tell(check.name, () => check.run(any));
}

const order: Order = JSON.parse(process.argv[2] ?? '');
process.stdout.write(format({ kind: 'facts', facts: gatherFacts(program) }));
const cluster = await startEmbeddedCluster();
const folder = mkdtempSync(join(tmpdir(), 'kns-smoke-'));
try {
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, cluster.kubeconfig);
  await runAll(order, kubeconfig);
} finally {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(format({ kind: 'end' }));
