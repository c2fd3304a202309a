/** Reading fields of parsed YAML as the types they should have; what is of another type counts as not there. */

export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

export type Mapping = Record<string, Yaml>;

export function isMapping(value: Yaml): value is Mapping {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export function at(value: Yaml, key: string): Yaml {
  return isMapping(value) && Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}

export function items(value: Yaml): readonly Yaml[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: Yaml): string {
  return value === null || typeof value === 'object' ? '' : String(value);
}

export function flag(value: Yaml): boolean {
  return value === true;
}

export function strings(value: Yaml): string[] {
  return items(value).map(text);
}

export function mapped<T>(value: Yaml, read: (value: Yaml) => T): Record<string, T> {
  if (!isMapping(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, read(item)]));
}
