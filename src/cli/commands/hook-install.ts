import { resolve } from "node:path";
import { refuseUrl } from "../../engine/sqlite/database-url.ts";
import { readKeptContents } from "../../ingest/hooks/hook-event.ts";
import { readOrMakeToken, tokenPath } from "../../serve/token-file.ts";
import { type ArgValues, type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { DEFAULT_HOOK_PORT, type HookTarget, statusLineFor } from "../hook-settings.ts";
import { numberArg } from "../number-flag.ts";
import { ownProgram } from "../own-program.ts";
import { claudeSettingsPath, databasePath } from "../paths.ts";
import { withHooks, withoutHooks } from "../settings-edit.ts";
import { readSettings, replaceSettings } from "../settings-file.ts";
import { shellWord } from "../shell-words.ts";

const SETTINGS_ARGS = {
  settings: {
    type: "string",
    valueHint: "FILE",
    description: "the settings file (default: settings.json of Claude Code's folder)",
  },
  "dry-run": { type: "boolean", description: "print what would change, and change nothing" },
} as const;

export const hookInstall: Command = {
  meta: {
    name: "install",
    description:
      "Put usagedb's hooks into Claude Code's settings; other entries stay as they are, and a copy is kept",
  },
  args: {
    http: {
      type: "boolean",
      description: "post to `usagedb serve --hooks` where the agent can, instead of a process each",
    },
    port: {
      type: "string",
      valueHint: "N",
      description: `where it listens (default: ${DEFAULT_HOOK_PORT})`,
    },
    "token-file": {
      type: "string",
      valueHint: "FILE",
      description: "its token (default: beside the database; made when missing)",
    },
    statusline: { type: "boolean", description: "the status line too" },
    color: { type: "boolean", description: "with colours in the status line" },
    keep: {
      type: "string",
      valueHint: "WHAT",
      description: "prompts, output or prompts,output; neither is kept otherwise",
    },
    "source-app": {
      type: "string",
      valueHint: "NAME",
      description: "whose events these are (default: claude-code)",
    },
    ...SETTINGS_ARGS,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb hook install --dry-run", "see what would be written"],
    ["usagedb hook install --statusline", "hooks as commands, and the status line"],
    ["usagedb hook install --http", "hooks over HTTP, for `usagedb serve --hooks`"],
    ["usagedb hook install --settings .claude/settings.local.json", "for one project"],
  ],
  run: async (context) => {
    const { args } = context;
    const program = ownProgram().map(shellWord).join(" ");
    const hooks = targetOf(context, program);
    const database = optionOf("--db", dbArg(args));
    const color = args["color"] === true ? " --color" : "";
    return await editSettings(context, {
      edit: (text, file) =>
        withHooks(
          text,
          {
            hooks,
            ...(args["statusline"] === true
              ? { statusLine: statusLineFor(program, `${database}${color}`) }
              : {}),
          },
          file,
        ),
      secret: hooks.http?.token,
      done: "The hooks are in",
      idle: "The hooks are in already:",
    });
  },
};

export const hookUninstall: Command = {
  meta: {
    name: "uninstall",
    description: "Take usagedb's hooks and status line out of Claude Code's settings",
  },
  args: { ...SETTINGS_ARGS, ...GLOBAL_ARGS },
  examples: [
    ["usagedb hook uninstall", "only entries that `install` wrote are removed"],
    ["usagedb hook uninstall --dry-run", "see which"],
  ],
  run: (context) =>
    editSettings(context, {
      edit: withoutHooks,
      secret: undefined,
      done: "The hooks are out of",
      idle: "There are no hooks of usagedb in",
    }),
};

interface SettingsEdit {
  readonly edit: (text: string, file: string) => string;
  /** Never printed. */
  readonly secret: string | undefined;
  readonly done: string;
  readonly idle: string;
}

async function editSettings(
  { args, env, output, now }: CommandContext,
  { edit, secret, done, idle }: SettingsEdit,
): Promise<0> {
  const flag = args["settings"];
  const file = readSettings(typeof flag === "string" ? resolve(flag) : claudeSettingsPath(env));
  const text = edit(file.text, file.path);
  const isChanged = text !== file.text;
  const isDryRun = args["dry-run"] === true;
  if (isChanged && isDryRun) {
    const { createTwoFilesPatch } = await import("diff");
    const patch = createTwoFilesPatch(file.path, file.path, file.text, text, "now", "then");
    output.text(secret === undefined ? patch : patch.replaceAll(secret, "<token>"));
  }
  const backup =
    isChanged && !isDryRun
      ? replaceSettings(file, { text, isSecret: secret !== undefined, now: now() })
      : null;
  if (!isChanged) output.outcome(`${idle} ${file.path}.`);
  else if (!isDryRun) {
    output.outcome(`${done} ${file.path}.`);
    if (backup !== null) output.outcome(`What was there is kept in ${backup}.`);
    output.note("Sessions that run already go on as they were; new ones follow the file.");
  }
  await warnAboutSettings(text, args, output);
  output.json({ settings: file.path, isChanged, isDryRun, backup });
  return 0;
}

/** Settings that keep hooks from running, whoever wrote them. */
async function warnAboutSettings(
  text: string,
  args: ArgValues,
  output: CommandContext["output"],
): Promise<void> {
  if (text.trim() === "") return;
  const settings = JSON.parse(text.replace(/^\ufeff/, "")) as Record<string, unknown>;
  if (settings["disableAllHooks"] === true)
    await output.warn(
      "`disableAllHooks` is on in it, so no hook runs and no status line is drawn.",
    );
  if (args["http"] === true && Array.isArray(settings["allowedHttpHookUrls"]))
    await output.warn(
      `\`allowedHttpHookUrls\` names the only addresses that HTTP hooks may use; ${urlOf(args)} must match one of them.`,
    );
}

function targetOf({ args, env }: CommandContext, program: string): HookTarget {
  const keep = textArg(args, "keep");
  if (keep !== undefined) readKeptContents(keep);
  const options =
    optionOf("--db", dbArg(args)) +
    optionOf("--source-app", textArg(args, "source-app")) +
    optionOf("--keep", keep);
  if (args["http"] !== true) return { program, options };
  const file = textArg(args, "token-file") ?? tokenPath(databasePath(args["db"], env));
  const token = args["dry-run"] === true ? "<token>" : readOrMakeToken(resolve(file));
  return { program, options, http: { url: urlOf(args), token } };
}

function urlOf(args: ArgValues): string {
  const port = numberArg(args, "port", { from: 1, to: 65_535 }) ?? DEFAULT_HOOK_PORT;
  const source = textArg(args, "source-app");
  const query = source === undefined ? "" : `?source_app=${encodeURIComponent(source)}`;
  return `http://127.0.0.1:${port}/events${query}`;
}

function textArg(args: ArgValues, name: string): string | undefined {
  const value = args[name];
  return typeof value === "string" ? value : undefined;
}

function dbArg(args: ArgValues): string | undefined {
  const database = textArg(args, "db");
  return database === undefined ? undefined : resolve(refuseUrl(database));
}

function optionOf(name: string, value: string | undefined): string {
  return value === undefined ? "" : ` ${name} ${shellWord(value)}`;
}
