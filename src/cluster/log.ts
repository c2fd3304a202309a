/** Where this wing reports what it decided; one line each, without a trailing newline. */
export interface ClusterLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}
