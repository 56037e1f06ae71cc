/** Where things are on this machine, from the environment that only the command line may read. */
import { refuseUrl } from "../engine/sqlite/database-url.ts";
import { InputError } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * `--db`, else `$USAGEDB_PATH`, else the user's data folder.
 * @throws {InputError} DATABASE_PATH_INVALID for a URL.
 */
export function databasePath(flag: string | boolean | undefined, env: Env): string {
  if (typeof flag === "string") return refuseUrl(flag);
  const fromEnv = env["USAGEDB_PATH"];
  if (fromEnv !== undefined && fromEnv !== "") return refuseUrl(fromEnv);
  const data =
    env["XDG_DATA_HOME"] !== undefined && env["XDG_DATA_HOME"] !== ""
      ? env["XDG_DATA_HOME"]
      : `${homeFolder(env)}/.local/share`;
  return `${data}/usagedb/usage.db`;
}

/** The settings of Claude Code for this user: in the first folder that CLAUDE_CONFIG_DIR names, else in ~/.claude. */
export function claudeSettingsPath(env: Env): string {
  const configured = (env["CLAUDE_CONFIG_DIR"] ?? "").split(",")[0]?.trim() ?? "";
  return `${configured === "" ? `${homeFolder(env)}/.claude` : configured}/settings.json`;
}

/** Where this user's programs keep their settings. */
export function configFolder(env: Env): string {
  const configured = env["XDG_CONFIG_HOME"] ?? "";
  return configured === "" ? `${homeFolder(env)}/.config` : configured;
}

/** @throws {InputError} VALUE_INVALID when the environment names no home. */
export function homeFolder(env: Env): string {
  const home = env["HOME"] ?? env["USERPROFILE"];
  if (home !== undefined && home !== "") return home;
  throw new InputError(
    "VALUE_INVALID",
    "Cannot find the user's home: HOME is not set, expected a folder",
    {
      details: { field: "HOME" },
      hint: "Set HOME, or name the file with --db.",
    },
  );
}
