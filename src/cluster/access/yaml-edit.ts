/** Changes a kubeconfig in its text, by a parser that keeps all of it. */
import {
  type DocumentOptions,
  isMap,
  isSeq,
  parseDocument,
  type ParseOptions,
  type SchemaOptions,
} from 'yaml';

/** That of yaml.ts. */
const DIALECT: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags.filter((tag) => typeof tag === 'string' || !/:(timestamp|binary)$/.test(tag.tag)),
  logLevel: 'error',
};

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
