/** Where Claude Code keeps its transcripts. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { refuseValue } from "../../errors.ts";

export interface ClaudeRootOptions {
  /** `$CLAUDE_CONFIG_DIR`: a comma-separated list; each a configuration folder or its `projects`. */
  readonly configDir?: string | undefined;
  /** `$XDG_CONFIG_HOME`. */
  readonly xdgConfigHome?: string | undefined;
  /** The user's home; may be empty when `configDir` names folders. */
  readonly home: string;
}

/**
 * The folders to look in, absolute, whether they exist or not; without a setting both of Claude Code's defaults.
 */
export function claudeRoots({ configDir, xdgConfigHome, home }: ClaudeRootOptions): string[] {
  const named = (configDir ?? "")
    .split(",")
    .map((folder) => folder.trim())
    .filter((folder) => folder !== "");
  if (named.length === 0 && home === "") refuseValue("home", "empty", "the user's home folder");
  const xdg =
    xdgConfigHome === undefined || xdgConfigHome === "" ? join(home, ".config") : xdgConfigHome;
  const folders = named.length > 0 ? named : [join(xdg, "claude"), join(home, ".claude")];
  return [...new Set(folders.map((folder) => projectsFolder(resolve(folder))))];
}

function projectsFolder(folder: string): string {
  const projects = join(folder, "projects");
  return basename(folder) === "projects" && !existsSync(projects) ? folder : projects;
}
