/** Where opencode keeps its sessions. */
import { join, resolve } from "node:path";
import { refuseValue } from "../../errors.ts";

export interface OpencodeRootOptions {
  /** `$OPENCODE_DB`: a database in another place, or of another name in opencode's folder. */
  readonly opencodeDb?: string | undefined;
  /** `$XDG_DATA_HOME`. */
  readonly xdgDataHome?: string | undefined;
  /** The user's home; may be empty when `xdgDataHome` names a folder. */
  readonly home: string;
}

/** The folder, and the database where it is elsewhere; absolute, whether they exist or not. */
export function opencodeRoots({ opencodeDb, xdgDataHome, home }: OpencodeRootOptions): string[] {
  const isNamed = xdgDataHome !== undefined && xdgDataHome !== "";
  if (!isNamed && home === "") refuseValue("home", "empty", "the user's home folder");
  const folder = resolve(isNamed ? xdgDataHome : join(home, ".local", "share"), "opencode");
  const hasOwn = opencodeDb !== undefined && opencodeDb !== "" && opencodeDb !== ":memory:";
  return hasOwn ? [folder, resolve(folder, opencodeDb)] : [folder];
}
