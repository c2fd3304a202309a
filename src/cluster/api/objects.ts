/**
 * Objects of the API as their JSON is, by client-node's models of them.
 *
 * The models are of what client-node makes of JSON: times are Dates there, and
 * what JavaScript reserves has an underscore (`_continue`). In JSON a time is a
 * text, and Go writes null for a time, a list and a map that are not set.
 *
 * Types alone: nothing of client-node is loaded for them, nothing is converted.
 */
import type { V1ObjectMeta } from '@kubernetes/client-node';

export type Json<T> = T extends Date
  ? string | null
  : T extends (infer Item)[]
    ? Json<Item>[] | null
    : T extends object
      ? string extends keyof T
        ? Fields<T> | null
        : Fields<T>
      : T;

type Fields<T> = {
  [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: Json<T[Key]>;
};

/** Of any kind: what the server keeps has a name. */
export interface ApiObject {
  metadata: Json<V1ObjectMeta> & { name: string };
}

/** Of a kind that lives in namespaces. */
export type Namespaced<T> = Json<Omit<T, 'metadata'>> & {
  metadata: ApiObject['metadata'] & { namespace: string };
};
