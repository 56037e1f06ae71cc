import { InputError } from "../../errors.ts";
import { checkOneOf } from "../../store/checks.ts";
import { DEFAULT_SETTINGS, THEMES, TIME_FORMATS, VIEWS } from "../../store/usage-config.ts";
import type { UsageDb } from "../../usage-db.ts";
import { is12hClock, TIME_FORMAT_ARG } from "../clock-style.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { Output } from "../output.ts";
import { dayRule, TIMEZONE_ARG } from "../report-flags.ts";
import { syncFromContext, warnAboutSync } from "../transcripts.ts";
import { plainText } from "../watch/line.ts";
import { loadData } from "../watch/load.ts";
import { runWatch, type WatchEnd } from "../watch/loop.ts";
import { type WatchData, type WatchState, zonesFrom } from "../watch/model.ts";
import { renderView } from "../watch/render-screen.ts";

const LOCK_WAIT_MS = 250;
const PAGE_WIDTH = 100;
/** A page that is printed once has no end. */
const PAGE_HEIGHT = 10_000;

export const watch: Command = {
  meta: {
    name: "watch",
    description:
      "Watch the five-hour block, its limits, burn rate and projection; days, months and sessions by a key",
  },
  args: {
    view: {
      type: "string",
      valueHint: VIEWS.join("|"),
      description: "what to begin with (default: the setting)",
    },
    theme: {
      type: "string",
      valueHint: THEMES.join("|"),
      description: "colours (default: the setting); NO_COLOR leaves them out",
    },
    ...TIME_FORMAT_ARG,
    ...TIMEZONE_ARG,
    agent: {
      type: "string",
      valueHint: "NAME",
      description: "whose blocks (default: the agent that was active last)",
    },
    once: { type: "boolean", description: "print one page as text, and end" },
    "no-sync": { type: "boolean", description: "show the database; read no transcripts" },
    ...GLOBAL_ARGS,
  },
  choices: { view: VIEWS, theme: THEMES, "time-format": TIME_FORMATS },
  examples: [
    ["usagedb watch", "the running block, live; ? shows the keys"],
    ["usagedb watch --view daily --theme light", "days, for a light terminal"],
    ["usagedb watch --once", "one page as text, for a pipe or a log"],
    ["usagedb watch --json", "one page's figures: live, and the view's report"],
  ],
  run: async (context) => {
    const { args, output, env } = context;
    const isOnce = args["once"] === true || output.isJson;
    if (!isOnce) refuseWithoutTerminal(env);
    const end = await withDatabase(context, isOnce);
    if (end !== null && end !== "quit") await endBy(end);
    return 0;
  },
};

async function withDatabase(context: CommandContext, isOnce: boolean): Promise<WatchEnd | null> {
  using db = openDatabase(context, "create");
  if (isOnce && context.args["no-sync"] !== true)
    await warnAboutSync(await syncFromContext(db, context), context);
  const settings = watchSettings(db, context);
  if (isOnce) {
    printOnce(settings, context);
    return null;
  }
  // Whoever waits for a lock draws nothing and answers no key; the next reload tries again.
  db.connection.runOnce(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
  // Awaited here: the database is closed when this function returns.
  return await runWatch({
    db,
    ...settings,
    env: context.env,
    now: context.now,
    sync: syncOf(db, context),
  });
}

type WatchSettings = Pick<
  Parameters<typeof runWatch>[0],
  "state" | "resetHour" | "refreshRate" | "refreshPerSecond"
>;

/** Flags before settings, settings before defaults; with the first view's data. */
function watchSettings(db: UsageDb, { args, env, now }: CommandContext): WatchSettings {
  const config = db.config.get() ?? DEFAULT_SETTINGS;
  const chosen = <Choice extends string>(
    flag: string,
    setting: Choice,
    choices: readonly Choice[],
  ): Choice => (args[flag] === undefined ? setting : checkOneOf(flag, args[flag], choices));
  const view = chosen("view", config.view, VIEWS);
  const { timeZone, resetHour } = dayRule(db, { args, env });
  const agent = typeof args["agent"] === "string" ? args["agent"] : null;
  const data: WatchData = loadData(db, { view, timeZone, resetHour, agent, nowMs: now() });
  const machine = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const state: WatchState = {
    view,
    theme: chosen("theme", config.theme, THEMES),
    background: null,
    timeZone,
    zones: zonesFrom(timeZone, machine),
    is12h: is12hClock(db, { args, env }),
    agent,
    scroll: 0,
    listRows: 1,
    isHelpShown: false,
    notice: null,
    trouble: null,
    reading: null,
    data,
  };
  return {
    state,
    resetHour,
    refreshRate: config.refresh_rate,
    refreshPerSecond: config.refresh_per_second,
  };
}

function syncOf(db: UsageDb, context: CommandContext): Parameters<typeof runWatch>[0]["sync"] {
  if (context.args["no-sync"] === true) return null;
  // The screen is not the place for lines of its own.
  const output = new Output({ isJson: false, isQuiet: true });
  return async ({ signal, onProgress }) => {
    await syncFromContext(db, { ...context, output, interruptSignal: () => signal, onProgress });
  };
}

function printOnce({ state }: WatchSettings, { output, now }: CommandContext): void {
  const { data, timeZone } = state;
  const { view, ...page } = data.page;
  output.json({
    view,
    timeZone,
    live: data.live,
    ...("report" in page ? { report: page.report } : { sessions: page.sessions }),
  });
  const width = process.stdout.isTTY === true ? process.stdout.columns : PAGE_WIDTH;
  const { lines } = renderView(state, now(), { width, height: PAGE_HEIGHT });
  output.text(lines.map(plainText).join("\n"));
}

/** @throws {InputError} CLI_USAGE unless there is a screen to draw on and a keyboard to quit with. */
function refuseWithoutTerminal({ TERM: term }: CommandContext["env"]): void {
  const observed =
    process.stdout.isTTY !== true
      ? "stdout is no terminal"
      : process.stdin.isTTY !== true
        ? "stdin is no terminal"
        : term === "dumb"
          ? "TERM is dumb"
          : null;
  if (observed === null) return;
  throw new InputError(
    "CLI_USAGE",
    `Cannot watch: ${observed}, expected a terminal to draw on and keys to quit with`,
    {
      details: { command: "usagedb watch", observed },
      hint: "Run `usagedb watch --once` for one page as text, or `usagedb report` for tables.",
    },
  );
}

/** Ends by the signal itself, now that the terminal is given back: whoever sent it sees that it worked. */
async function endBy(signal: NodeJS.Signals): Promise<void> {
  process.kill(process.pid, signal);
  // The signal comes by way of the event loop.
  await Bun.sleep(1000);
}
