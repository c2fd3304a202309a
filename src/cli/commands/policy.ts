/** `kns-rootless policy explain DEST [options]`: what the rules say of one destination, and why. */

import { Argument, type Command } from 'commander';
import { loadAccess } from '../../cluster/index.ts';
import { UsageError } from '../../errors.ts';
import { createLog } from '../../observe/log.ts';
import { parseDestination } from '../../policy/index.ts';
import { contextLabels } from '../../session/context-labels.ts';
import {
  type ContextNaming,
  explainDestination,
  reportText,
  type ServicePlace,
} from '../../session/outside/explanation.ts';
import { readEgressSettings } from '../../session/outside/settings.ts';
import { type AccessOptions, addAccessOptions, readAccessOptions } from '../options/access.ts';
import { addPolicyOptions, readEgressOptions } from '../options/egress.ts';
import { addGeneralOptions, readVerbosity } from '../options/general.ts';
import { addClusterDomain, readClusterDomain } from '../options/network.ts';
import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { given } from '../values/given.ts';
import { VERSION } from '../version.ts';
import { withDemo } from '../with-demo.ts';

const HELP = `
A destination is one flow, written like the target of a rule: example.com:443,
udp:192.0.2.1:53, [2001:db8::1]:443, icmp:192.0.2.1, svc/web:80 or
shop/svc/web:80. Without a protocol it is TCP, without a port 443. Names are
looked up, but for those of Services (web.shop.svc.cluster.local). Nothing else
is sent.`;

const EXPLAIN = 'explain';

function define(): Command {
  const program = makeCommand('kns-rootless policy')
    .usage('explain DEST [options]')
    .description('Shows each rule up to the one that decides on a destination.')
    .addArgument(new Argument('<verb>', 'what to do').choices([EXPLAIN]).argParser(checkVerb))
    .argument('<destination>', 'one flow')
    .addHelpText('after', HELP);
  addPolicyOptions(program);
  addAccessOptions(program);
  addClusterDomain(program);
  addGeneralOptions(program, VERSION);
  program.option('--json', 'print one JSON object in place of lines');
  return program;
}

/** Throws `POLICY_VERB`. */
function checkVerb(verb: string): string {
  if (verb === EXPLAIN) return verb;
  throw new UsageError('POLICY_VERB', `policy has no "${verb}"`, 'write kns-rootless policy explain DEST');
}

async function run(argv: readonly string[]): Promise<number> {
  const program = define().parse(argv, { from: 'user' });
  const [, destination] = program.args;
  const access = readAccessOptions(program);
  const settings = await readEgressSettings(readEgressOptions(program));
  const report = await explainDestination(parseDestination(destination), {
    policy: settings.policy,
    namings: namingsOf(access.contexts, readClusterDomain(program)),
    servicePlace: () => currentPlace(access),
    log: createLog(readVerbosity(program)),
  });
  const { json = false } = program.opts<{ json?: true }>();
  print(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  return 0;
}

export const policy: Subcommand = { define, run };

async function currentPlace({ contexts, demo, ...access }: AccessOptions): Promise<ServicePlace> {
  const [context] = contexts;
  const { contextName, namespace } = await withDemo(demo, (kubeconfig) =>
    loadAccess({ ...access, ...kubeconfig, ...given({ context }) }),
  );
  return { context: contextName, namespace };
}

/** Names without a context's label are those of the first. */
function namingsOf(contexts: readonly string[], domain: string): ContextNaming[] {
  const labelled = contexts.length > 1 ? contextLabels(contexts) : [];
  return [
    { context: undefined, domain },
    ...labelled.map(({ context, label }) => ({ context, domain, contextLabel: label })),
  ];
}
