/** What an agent starts after every message and at every step, as a whole process. */
import { join } from "node:path";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark } from "../contender.ts";
import { buildInstalled } from "../installed.ts";
import { floorScript, INSTALLED, USAGEDB } from "../paths.ts";
import { spawnTimed } from "../spawn.ts";

/** Hours with usage: none, and seven years of working days. */
const SIZES = [0, 20_000] as const;
const HOUR_MS = 3_600_000;
const BUN: readonly string[] = [
  process.execPath,
  "--no-env-file",
  "--config=/dev/null",
  "--tsconfig-override=/dev/null",
];
/** Of a start of Bun, which takes 5 ms: so 20 ms for the status line. */
const STATUS_AT_MOST = 4;
const HOOK_AT_MOST = 5;

export const agent: Benchmark = {
  name: "agent",
  description: "usagedb statusline and usagedb hook, whole process",
  needsPeers: false,
  run: async ({ folder, measure }) => {
    buildInstalled();
    for (const hours of SIZES) {
      const file = join(folder, `${hours}.db`);
      writeHistory(file, hours);
      let events = 0;
      const run = (command: string, stdin: () => string, expect: RegExp) =>
        [USAGEDB, INSTALLED].map((program) => ({
          name: program === INSTALLED ? `usagedb ${command}, installed` : `usagedb ${command}`,
          run: () =>
            spawnTimed([...BUN, program, command, "--db", file], { stdin: stdin(), expect }),
        }));
      await measure({
        name: `${hours} hours of history`,
        contenders: [
          { name: "an empty program", run: () => spawnTimed([...BUN, floorScript("empty")]) },
          ...run("statusline", status, /^Opus 4.6 .* today/),
          ...run("hook", () => event(events++), /^$/),
        ],
        budgets: {
          "usagedb statusline": [{ atMost: STATUS_AT_MOST }],
          "usagedb statusline, installed": [{ atMost: STATUS_AT_MOST }],
          "usagedb hook": [{ atMost: HOOK_AT_MOST }],
          "usagedb hook, installed": [{ atMost: HOOK_AT_MOST }],
        },
      });
    }
  },
};

function writeHistory(file: string, hours: number): void {
  using db = openUsageDb(file);
  const newest = Date.now() - (Date.now() % HOUR_MS);
  const insert = db.connection.prepare(
    `INSERT INTO usage_rollups (hour, project, model, agent, message_count, input_tokens, output_tokens,
       cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, cost_picousd, first_at, last_at)
     VALUES (?1, '/p', 'claude-opus-4-6', 'claude', 1, 1000, 100, 0, 0, 0, 1000000, ?1, ?1)`,
  );
  db.connection.transaction(() => {
    for (let hour = 0; hour < hours; hour++)
      insert.run(newest - (hour + Math.floor(hour / 8) * 16) * HOUR_MS);
  });
}

/** Its limits change with every line, so each is stored. */
function status(): string {
  const seconds = Math.floor(Date.now() / 1000);
  return JSON.stringify({
    session_id: "s",
    model: { id: "claude-opus-4-6", display_name: "Opus 4.6" },
    cost: { total_cost_usd: 1.23 },
    context_window: { used_percentage: 26 },
    rate_limits: {
      five_hour: { used_percentage: Math.random() * 100, resets_at: seconds + 8000 },
      seven_day: { used_percentage: 36, resets_at: seconds + 200_000 },
    },
  });
}

function event(number: number): string {
  return JSON.stringify({
    session_id: "s",
    hook_event_name: "PreToolUse",
    tool_name: "Bash",
    tool_input: { command: "ls" },
    tool_use_id: `t${number}`,
  });
}
