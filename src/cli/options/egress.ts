/** What of the rest of the network is reached, and how; docs/policy.md has the rules. */

import { type Command, Option } from 'commander';
import { type Action, parseRuleOption, type Rule } from '../../policy/index.ts';
import { type EgressChoice, parseProxyChoice, type ProxyChoice } from '../../session/outside/settings.ts';
import { given } from '../values/given.ts';
import { repeated } from './repeated.ts';

interface Values {
  readonly egress?: Action;
  readonly allow?: readonly PlacedRule[];
  readonly deny?: readonly PlacedRule[];
  readonly policy?: string;
  readonly egressProxy?: readonly ProxyChoice[];
  readonly dryRun?: true;
  readonly audit?: string;
}

/** Rules count in the order of the command line, whichever of the two options they are of. */
interface PlacedRule {
  readonly place: number;
  readonly rule: Rule;
}

export interface EgressOptions extends EgressChoice {
  readonly auditFile?: string;
}

const ACTIONS: readonly Action[] = ['allow', 'deny'];

/** The policy alone, without what is only of a run. */
export function addPolicyOptions(program: Command): void {
  let place = 0;
  const rule = (action: Action, what: string): Option =>
    repeated(
      `--${action} <rule>`,
      `${what} 10.0.0.0/8, db.example:5432, *.example.com, svc/web; may be repeated`,
      (text): PlacedRule => ({ place: place++, rule: parseRuleOption(action, text, `--${action}`) }),
    );
  program
    .optionsGroup('The rest of the network:')
    .addOption(
      new Option('--egress <default>', 'what becomes of flows that no rule is about (default: allow)')
        .choices(ACTIONS)
        .env('KNS_ROOTLESS_EGRESS'),
    )
    .addOption(rule('allow', 'let pass:'))
    .addOption(rule('deny', 'prohibit:'))
    .option('--policy <file>', 'rules from a YAML file, after those of the command line')
    .addOption(
      repeated(
        '--egress-proxy <[name=]url>',
        'leave by this proxy, socks5://, http:// or https://; with a name, for rules that end in @name',
        parseProxyChoice,
      ),
    );
}

export function addEgressOptions(program: Command): void {
  addPolicyOptions(program);
  program
    .option('--dry-run', 'let pass what rules deny, and say so')
    .option('--audit <file>', 'write each flow and its verdict there, as JSON lines');
}

export function readEgressOptions(program: Command): EgressOptions {
  const {
    egress,
    allow = [],
    deny = [],
    policy,
    egressProxy = [],
    dryRun = false,
    audit,
  } = program.opts<Values>();
  const isUsual = program.getOptionValueSource('egress') === 'env';
  return {
    rules: [...allow, ...deny].sort((one, other) => one.place - other.place).map(({ rule }) => rule),
    proxies: egressProxy,
    dryRun,
    ...given({
      egress: isUsual ? undefined : egress,
      usualEgress: isUsual ? egress : undefined,
      policyFile: policy,
      auditFile: audit,
    }),
  };
}
