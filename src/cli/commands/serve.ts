import { InputError } from "../../errors.ts";
import { readKeptContents } from "../../ingest/hooks/hook-event.ts";
import { type HookServer, startHookServer } from "../../serve/hook-server.ts";
import { readOrMakeToken, tokenPath } from "../../serve/token-file.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { DEFAULT_HOOK_PORT } from "../hook-settings.ts";
import { numberArg } from "../number-flag.ts";
import { databasePath } from "../paths.ts";

export const serve: Command = {
  meta: {
    name: "serve",
    description: "Take hook events over HTTP on 127.0.0.1 until it is interrupted",
  },
  args: {
    hooks: {
      type: "boolean",
      description: "POST /events, GET /events/recent, GET /events/filter-options, /stream",
    },
    port: {
      type: "string",
      valueHint: "N",
      description: `the port to listen on (default: ${DEFAULT_HOOK_PORT}; 0: any)`,
    },
    "token-file": {
      type: "string",
      valueHint: "FILE",
      description: "the bearer token (default: beside the database; made when missing)",
    },
    origin: {
      type: "string",
      valueHint: "URL",
      description: "pages that may read and post; a comma separates several (default: none)",
    },
    keep: {
      type: "string",
      valueHint: "WHAT",
      description: "prompts, output or prompts,output; neither is kept otherwise",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb serve --hooks", "take what `usagedb hook install --http` sends"],
    ["usagedb serve --hooks --origin http://localhost:5173", "and let a dashboard in"],
    ["usagedb serve --hooks --port 4711", "on another port; `hook install` takes the same flag"],
  ],
  run: async (context) => {
    const { args, output, env } = context;
    if (args["hooks"] !== true)
      throw new InputError(
        "CLI_USAGE",
        "Cannot run `usagedb serve`: it is not said what to serve, expected --hooks",
      );
    const text = (name: string): string | undefined => {
      const value = args[name];
      return typeof value === "string" ? value : undefined;
    };
    const port = numberArg(args, "port", { from: 0, to: 65_535 }) ?? DEFAULT_HOOK_PORT;
    const keep = text("keep");
    const keptContents = keep === undefined ? undefined : readKeptContents(keep);
    const origins = (text("origin") ?? "").split(",").filter(Boolean).map(originArg);
    const interrupted = context.interruptSignal();
    using db = openDatabase(context, "create");
    const tokenFile = text("token-file") ?? tokenPath(databasePath(args["db"], env));
    await using server = startHookServer(db, {
      port,
      token: readOrMakeToken(tokenFile),
      origins,
      ...(keptContents === undefined ? {} : { keep: keptContents }),
      onFailure: (error) =>
        output.note(
          `Events wait in the spool: ${error instanceof Error ? error.message : String(error)}`,
        ),
    });
    output.outcome(`Listening on ${server.url}; the token is in ${tokenFile}.`);
    output.json({ url: server.url, port: server.port, tokenFile, pid: process.pid });
    await aborted(interrupted);
    await server.stop();
    tellCounts(server, context);
    return 0;
  },
};

function originArg(text: string): string {
  const origin = URL.canParse(text.trim()) ? new URL(text.trim()).origin : "null";
  if (origin !== "null") return origin;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --origin: ${JSON.stringify(text)} is no page's origin, expected one like http://localhost:5173`,
    { details: { argument: "origin", observed: text } },
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

function tellCounts(server: HookServer, { output }: CommandContext): void {
  const { accepted, stored, repeated, refused, refusals } = server.counts();
  const parts = [`${accepted} event(s) taken`, `${stored} stored`, `${repeated} there already`];
  if (refused > 0) parts.push(`${refused} spooled line(s) unreadable`);
  for (const [reason, count] of Object.entries(refusals))
    if (count > 0) parts.push(`${count} request(s) refused (${reason})`);
  output.note(`${parts.join(", ")}.`);
}
