/** YAML as Go's parser for Kubernetes takes it: version 1.1, where `yes` is true and `<<` merges. */
import {
  type DocumentOptions,
  isMap,
  isSeq,
  parse,
  parseDocument,
  type ParseOptions,
  type SchemaOptions,
} from 'yaml';
import type { Yaml } from './fields.ts';

const DIALECT: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  // What looks like a time or like bytes stays the text that it is.
  customTags: (tags) =>
    tags.filter((tag) => typeof tag === 'string' || !/:(timestamp|binary)$/.test(tag.tag)),
  logLevel: 'error',
};

/** @throws Error that says where it is wrong */
export function parseYaml(content: string): Yaml {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no tag is left that makes anything else
  return (parse(content, DIALECT) ?? null) as Yaml;
}

/** The text with these values in the auth-provider of a user; all else, comments too, stays as it is. */
export function withAuthProviderConfig(
  content: string,
  userName: string,
  values: Readonly<Record<string, string>>,
): string {
  const document = parseDocument(content, DIALECT);
  const users = document.get('users');
  const index = isSeq(users)
    ? users.items.findIndex((user) => isMap(user) && String(user.get('name')) === userName)
    : -1;
  if (index < 0) throw new Error(`it has no user "${userName}" any more`);
  for (const [key, value] of Object.entries(values)) {
    document.setIn(['users', index, 'user', 'auth-provider', 'config', key], value);
  }
  return document.toString({ lineWidth: 0 });
}
