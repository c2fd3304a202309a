/**
 * YAML as Go's parser for Kubernetes takes it: version 1.1, where `yes` is true, `010` is eight and `<<` merges.
 *
 * Each start parses a kubeconfig by code that has never run before, so the parser is a small one. js-yaml's scalars
 * are those of version 1.2, but for these; what looks like a time or like bytes stays the text that it is.
 */
import { CORE_SCHEMA, loadAll, Type, YAMLException } from 'js-yaml';
import type { Yaml } from './fields.ts';

const TRUE = /^(?:y|Y|[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/;
const FALSE = /^(?:n|N|[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/;
const BOOLEAN = scalar(
  'bool',
  (text) => TRUE.test(text) || FALSE.test(text),
  (text) => TRUE.test(text),
);

const INTEGER =
  /^([-+]?)(?:0b(_*[01][01_]*)|0x(_*[\da-fA-F][\da-fA-F_]*)|0o?(_*[0-7][0-7_]*)|(0|[1-9][\d_]*))$/;
const BASES = [2, 16, 8, 10];
const INT = scalar(
  'int',
  (text) => INTEGER.test(text),
  (text) => {
    const [, sign, ...digits] = INTEGER.exec(text) ?? [];
    const i = digits.findIndex((found) => found !== undefined);
    return Number.parseInt(sign + digits[i].replaceAll('_', ''), BASES[i]);
  },
);

const MERGE = scalar(
  'merge',
  (text) => text === '<<',
  (text) => text,
);

/** Also where a tag says so. */
const TEXTS = ['timestamp', 'binary'].map((tag) =>
  scalar(
    tag,
    () => true,
    (text) => text,
  ),
);

const DIALECT = CORE_SCHEMA.extend({ implicit: [BOOLEAN, INT, MERGE], explicit: TEXTS });

/** Of several documents the first, as Go takes it. @throws Error that says where it is wrong, and nothing of what stands there */
export function parseYaml(content: string): Yaml {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no type is left that makes anything else
    return (loadAll(content, undefined, { schema: DIALECT })[0] ?? null) as Yaml;
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const { line, column } = error.mark;
    // Aliases and tags are quoted, and may be a password that was not.
    const reason = error.reason.replaceAll(/"[^"]*"|!<[^>]*>/g, '…');
    throw new Error(`${reason} at line ${line + 1}, column ${column + 1}`, { cause: error });
  }
}

function scalar(tag: string, resolve: (text: string) => boolean, construct: (text: string) => unknown): Type {
  return new Type(`tag:yaml.org,2002:${tag}`, {
    kind: 'scalar',
    resolve: (text: string | null) => text !== null && resolve(text),
    construct,
  });
}
