/** Where the Codex CLI keeps its rollouts. */
import { join, resolve } from "node:path";
import { refuseValue } from "../../errors.ts";

export interface CodexRootOptions {
  /** `$CODEX_HOME`. */
  readonly codexHome?: string | undefined;
  /** The user's home; may be empty when `codexHome` names a folder. */
  readonly home: string;
}

/** The folders to look in, absolute, whether they exist or not: sessions, and those that were put away. */
export function codexRoots({ codexHome, home }: CodexRootOptions): string[] {
  const isNamed = codexHome !== undefined && codexHome !== "";
  if (!isNamed && home === "") refuseValue("home", "empty", "the user's home folder");
  const folder = resolve(isNamed ? codexHome : join(home, ".codex"));
  return [join(folder, "sessions"), join(folder, "archived_sessions")];
}
