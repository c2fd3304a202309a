/** Reading fields of parsed YAML as the types they should have; what is of another type counts as not there. */

export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

export function at(value: Yaml, key: string): Yaml {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  return Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}

export function text(value: Yaml): string {
  return value === null || typeof value === 'object' ? '' : String(value);
}

export function flag(value: Yaml): boolean {
  return value === true;
}

export function strings(value: Yaml): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

export function mapped<T>(value: Yaml, read: (value: Yaml) => T): Record<string, T> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, read(item)]));
}
