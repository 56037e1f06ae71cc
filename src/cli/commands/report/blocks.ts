import { type BlockRow, reportBlocks } from "../../../report/blocks.ts";
import { is12hClock, TIME_FORMAT_ARG } from "../../clock-style.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { openDatabase } from "../../database.ts";
import { noteUnknownNames, REPORT_ARGS, reportFlags } from "../../report-flags.ts";
import { grouped } from "../../usage-text.ts";
import { VERIFY_ARG, verified } from "../../verify-flag.ts";
import { type ClockStyle, timeText, wallTime } from "../../watch/times.ts";

const MINUTE_MS = 60_000;

export const reportBlocksCommand: Command = {
  meta: {
    name: "blocks",
    description:
      "Print tokens and cost by five-hour block, with the burn rate of the one that goes on",
  },
  args: {
    ...REPORT_ARGS,
    agent: {
      type: "string",
      valueHint: "NAME",
      description: "blocks of this agent alone (default: of all together)",
    },
    ...TIME_FORMAT_ARG,
    active: { type: "boolean", description: "only the block that goes on" },
    ...VERIFY_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb report blocks --last 3d", "three days of blocks, gaps included"],
    ["usagedb report blocks --active --json", "burnRate and projection of the running block"],
  ],
  run: async (context) => {
    const { args, now, output } = context;
    using db = openDatabase(context, "read");
    const agent = args["agent"];
    const flags = reportFlags(db, context);
    const style: ClockStyle = { timeZone: flags.timeZone, is12h: is12hClock(db, context) };
    const report = reportBlocks(db, {
      ...flags,
      nowMs: now(),
      ...(typeof agent === "string" ? { agent } : {}),
    });
    const blocks =
      args["active"] === true ? report.blocks.filter(({ isActive }) => isActive) : report.blocks;
    const { printUsage } = await import("../../render-usage.ts");
    await printUsage(context, {
      title: "block",
      heading: `Block (${flags.timeZone})`,
      group: null,
      rows: blocks.map((row) => ({
        ...row,
        inputTokens: row.tokenCounts.inputTokens,
        outputTokens: row.tokenCounts.outputTokens,
        cacheCreationTokens: row.tokenCounts.cacheCreationInputTokens,
        cacheReadTokens: row.tokenCounts.cacheReadInputTokens,
        totalCost: row.costUSD,
        modelsUsed: row.models,
        name: nameOf(row),
        // JSON and CSV have no use for it.
        get shown() {
          return shownName(row, style);
        },
        sub: null,
      })),
      totals: report.totals,
      unpricedModels: report.unpricedModels,
      json: { ...report, blocks },
    });
    noteUnknownNames(db, args, output);
    if (!output.isJson && args["csv"] !== true)
      for (const row of blocks) if (row.isActive) output.text(activity(row, now()));
    // Awaited here: the database is closed when this function returns.
    return await verified(db, args, output);
  },
};

/** The day and the hours of the zone asked for. */
function shownName({ startTime, endTime, isGap, isActive }: BlockRow, style: ClockStyle): string {
  const start = Date.parse(startTime);
  const day = wallTime(start, style).toPlainDate();
  const mark = isGap ? " gap" : isActive ? " now" : "";
  return `${day.toString()} ${timeText(start, style)} - ${timeText(Date.parse(endTime), style)}${mark}`;
}

/** For programs: whatever the settings are. */
function nameOf({ startTime, endTime, isGap, isActive }: BlockRow): string {
  const short = (text: string): string =>
    text.slice(0, "YYYY-MM-DDTHH:MM".length).replace("T", " ");
  const mark = isGap ? " gap" : isActive ? " now" : "";
  return `${short(startTime)} - ${endTime.slice("YYYY-MM-DDT".length).slice(0, "HH:MM".length)} UTC${mark}`;
}

function activity({ endTime, burnRate, projection }: BlockRow, nowMs: number): string {
  const left = Math.max(0, Math.round((Date.parse(endTime) - nowMs) / MINUTE_MS));
  if (burnRate === null || projection === null) return `${left} minutes left.`;
  const rate = grouped(Math.round(burnRate.tokensPerMinute));
  return (
    `${left} minutes left; ${rate} tokens a minute, $${burnRate.costPerHour.toFixed(2)} an hour; ` +
    `at the end ${grouped(projection.totalTokens)} tokens, $${projection.totalCost.toFixed(2)}.`
  );
}
