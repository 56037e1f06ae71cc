import { describe, expect, it } from "bun:test";
import { learnPrices, reprice, setOverride } from "../../src/ingest/price-catalogue.ts";
import type { NewUsageMessage, UsageDb } from "../../src/index.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { verifyRollups } from "../../src/report/verify.ts";
import { readSlices } from "../../src/store/message-slices.ts";
import { HOUR_MS } from "../../src/store/token-counts.ts";
import { chance, FAULT_ROUNDS } from "../support/fault-rounds.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const DAY_MS = 24 * HOUR_MS;
const PRICED = "claude-opus-4-5";
const TOTALS = `SELECT * FROM usage_session_totals
  ORDER BY session_name_id, project_name_id, model_name_id, agent_name_id`;
const VIEW = "SELECT * FROM v_sessions ORDER BY session_id";
const COLUMNS_OF_REPORTED =
  "session_name_id, project_name_id, model_name_id, agent_name_id, reported_cost_usd";
const REPORTED = `SELECT session_name_id, project_name_id, model_name_id, agent_name_id, sum(reported_cost_usd)
  FROM usage_message_rows GROUP BY 1, 2, 3, 4`;
/** The view as it was before there were totals. */
const VIEW_OF_MESSAGES = `SELECT session_id, min(timestamp), max(timestamp), count(*), sum(input_tokens), sum(output_tokens),
    sum(cache_write_5m_tokens + cache_write_1h_tokens), sum(cache_read_tokens)
  FROM usage_messages GROUP BY session_id ORDER BY session_id`;

type Dice = ReturnType<typeof chance>;

const below = (dice: Dice, n: number): number => Math.floor(dice.next() * n);
const pick = <T>(dice: Dice, list: readonly T[]): T => list[below(dice, list.length)] as T;

/** Lines of few messages, so that they often meet: copies in other sessions, sidechains, growing counts. */
function lineOf(dice: Dice): NewUsageMessage {
  return message({
    message_id: `m${below(dice, 25)}`,
    request_id: pick(dice, ["r", "r", "r", "", "q"]),
    session_id: pick(dice, ["s1", "s2", "s3", "s4"]),
    project: pick(dice, ["/a", "/a", "/b"]),
    agent: pick(dice, ["claude", "claude", "codex"]),
    model: pick(dice, ["flat", "tiered", "dated", PRICED, "unheard-of"]),
    is_sidechain: pick(dice, [0, 0, 0, 1]),
    timestamp: NOON - below(dice, 6) * DAY_MS + pick(dice, [0, 0, 1, HOUR_MS - 1, 5 * HOUR_MS]),
    input_tokens: pick(dice, [0, 1, 7, 199_990, 200_001, 400_001]),
    output_tokens: below(dice, 5000),
    reported_cost_usd: pick(dice, [null, null, 0.25, 0.5]),
  });
}

const tier = (base: number) => ({
  base,
  tiers: [
    { start: 200_000, price: 2 * base },
    { start: 400_000, price: 3 * base },
  ],
});

/** One thing that happens to a ledger. */
function happen(db: UsageDb, dice: Dice): void {
  const what = below(dice, 10);
  const rate = pick(dice, [0.3, 3, 0.0375, 15]);
  if (what === 0) setOverride(db, "flat", [{ validFrom: 0, rates: { input: rate, output: 15 } }]);
  else if (what === 1)
    setOverride(db, "tiered", [
      { validFrom: 0, rates: { input: tier(rate), output: tier(15), cache_read: 0.0375 } },
      { validFrom: NOON - 2 * DAY_MS, rates: { input: 1, output: tier(2), cache_write_5m: 4 } },
    ]);
  else if (what === 2)
    // Nothing is known of what it cost before.
    setOverride(db, "dated", [
      { validFrom: NOON - 3 * DAY_MS, rates: { input: rate, output: 1, cache_write_1h: 7 } },
    ]);
  else if (what === 3) setOverride(db, pick(dice, ["flat", "tiered", "dated"]), []);
  else if (what === 4) reprice(db, pick(dice, ["day", "today"]));
  else if (what === 5) learnPrices(db, [{ model: PRICED, agent: "claude" }]);
  else if (what === 6)
    db.sessions.upsert({ session_id: pick(dice, ["s1", "s2", "s3"]), born_at: below(dice, 9) });
  else db.messages.record(Array.from({ length: 1 + below(dice, 12) }, () => lineOf(dice)));
}

function expectTotalsToMatch(db: UsageDb, dice: Dice): void {
  expect(verifyRollups(db)).toEqual([]);
  const view = db.connection.readOnce(VIEW);
  expect(view.map((row) => [row[0], ...row.slice(3, 10)])).toEqual(
    db.connection.readOnce(VIEW_OF_MESSAGES),
  );
  expect(db.connection.readOnce(TOTALS.replace("*", COLUMNS_OF_REPORTED))).toEqual(
    db.connection.readOnce(REPORTED),
  );
  const [from, to] = [1 + below(dice, 6), below(dice, 2)];
  const dayOf = (ago: number): string =>
    new Date(NOON - ago * DAY_MS).toISOString().slice(0, "YYYY-MM-DD".length);
  const midnight = NOON - 12 * HOUR_MS;
  const slices = readSlices(db.connection, db.prices.book(), {
    keys: ["session_id"],
    fromMs: midnight - from * DAY_MS,
    toMs: midnight - (to - 1) * DAY_MS,
  });
  const report = reportSessions(db, { timeZone: "UTC", since: dayOf(from), until: dayOf(to) });
  const sum = (id: string, of: (slice: (typeof slices)[number]) => number): number =>
    slices.reduce((total, one) => total + (one.session_id === id ? of(one) : 0), 0);
  expect(report.session.map(({ period }) => period).toSorted()).toEqual(
    [...new Set(slices.map(({ session_id }) => session_id ?? ""))].toSorted(),
  );
  for (const row of report.session) {
    expect(row.messageCount).toBe(sum(row.period, (slice) => slice.message_count));
    expect(row.outputTokens).toBe(sum(row.period, (slice) => slice.output_tokens));
    expect(row.totalCost).toBeCloseTo(
      sum(row.period, (slice) => slice.cost_picousd ?? 0) / 1e12,
      9,
    );
  }
}

/**
 * Strategy: few messages told by many lines: larger and smaller, on sidechains, in sessions of other projects that turn
 * out to be older, with and without a request; prices come, change at a date, and go, in between.
 * Invariants: after each step the totals, the view and a report of some days are what the message rows say; a migration
 * that is undone and done again fills the same totals.
 */
describe("the totals of sessions", () => {
  it("are what the messages say, whatever happens to them", () => {
    const { seed } = chance();
    for (let round = 0; round < 12 * FAULT_ROUNDS; round++) {
      const dice = chance(seed + round);
      try {
        using clocked = clockedDb();
        const { db } = clocked;
        for (let step = 0; step < 25; step++) {
          happen(db, dice);
          expectTotalsToMatch(db, dice);
        }
        const totals = db.connection.readOnce(TOTALS);
        const view = db.connection.readOnce(VIEW);
        db.migrations.rollback({ target: 14 });
        db.migrations.up();
        expect(db.connection.readOnce(TOTALS)).toEqual(totals);
        expect(db.connection.readOnce(VIEW)).toEqual(view);
      } catch (error) {
        throw new Error(`USAGEDB_FAULT_SEED=${seed + round}: ${String(error)}`, { cause: error });
      }
    }
  }, 60_000);

  it("keep what was folded away: its sums, its first and last moment, the price that it had", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    setOverride(db, "opus", [
      { validFrom: 0, rates: { input: 1, output: 1 } },
      { validFrom: NOON + 1, rates: { input: 2, output: 1 } },
    ]);
    const [old, young, newest] = [NOON - DAY_MS, NOON, NOON + 1];
    const counts = { input_tokens: 10, cache_read_tokens: 0 };
    const none = { cache_write_5m_tokens: 0, cache_write_1h_tokens: 0, output_tokens: 0 };
    const of = (message_id: string, timestamp: number): NewUsageMessage =>
      message({ ...counts, ...none, message_id, timestamp });
    db.messages.record([of("a", old), of("b", young), of("c", newest)]);
    db.connection.prepare("DELETE FROM usage_message_rows WHERE message_id = 'a'").run();
    setOverride(db, "opus", [{ validFrom: 0, rates: { input: 3, output: 1 } }]);
    // A line that says more takes the place of the newest.
    db.messages.record([{ ...of("c", newest), output_tokens: 1 }]);
    const [row] = reportSessions(db, { timeZone: "UTC" }).session;
    expect(row).toMatchObject({ messageCount: 3, inputTokens: 30, outputTokens: 1 });
    expect(row?.metadata.firstActivity).toBe(new Date(old).toISOString());
    expect(row?.totalCost).toBeCloseTo((10 * 1 + 20 * 3 + 1) / 1e6, 12);
    expect(db.connection.readOnce("SELECT cost_picousd FROM usage_rollups ORDER BY hour")).toEqual([
      [10e6],
      [61e6],
    ]);
  });

  it("report no cost any more where the only message that had one went to an older session", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.sessions.upsert({ session_id: "old", born_at: 1 });
    db.sessions.upsert({ session_id: "s1", born_at: 2 });
    const of = (message_id: string, after: number): NewUsageMessage =>
      message({ message_id, timestamp: NOON + after });
    const middle = { ...of("b", 1), reported_cost_usd: 0.5 };
    db.messages.record([of("a", 0), middle, of("c", 2)]);
    db.messages.record([{ ...middle, session_id: "old" }]);
    expect(
      db.connection.readOnce(
        "SELECT message_count, reported_cost_usd FROM usage_session_totals ORDER BY 1",
      ),
    ).toEqual([
      [1, 0.5],
      [2, null],
    ]);
  });

  it("are named one by one where somebody tampered with them", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([message()]);
    db.connection.prepare("UPDATE usage_session_totals SET first_at = first_at - 1").run();
    expect(verifyRollups(db)).toEqual([
      expect.stringMatching(/^session s1 \/p opus claude: first_at is \d+, the messages say \d+$/),
    ]);
    db.connection.prepare("DELETE FROM usage_session_totals").run();
    expect(verifyRollups(db)).toEqual([
      "session s1 /p opus claude: there is no such session, expected one",
    ]);
  });
});
